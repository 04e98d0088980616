export { TypeOrmTransactions } from './typeorm-transactions.js';
export {
  TypeOrmPersistenceModule,
  type TypeOrmPersistenceOptions,
} from './typeorm-persistence.module.js';
