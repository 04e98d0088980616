export {
  EmbeddedKafkaModule,
  type EmbeddedKafkaAsyncOptions,
  type StartedEmbeddedKafkaModule,
} from './embedded-kafka.module.js';
