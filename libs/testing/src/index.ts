export {
  useApp,
  type SpecApp,
  type SpecRequest,
  type SpecResponse,
  type UseAppOptions,
} from './app/use-app.js';
export { useDatabase, type SpecDatabase, type UseDatabaseOptions } from './database/index.js';
export { eventually, type EventuallyOptions } from './eventually/eventually.js';
export { useKafka, type KafkaOfRun, type SpecKafka } from './kafka/index.js';
export { TokenMaker, type TokenMakerOptions, type TokenRequest } from '@rookery/security/testing';
export { useMessages, type SpecMessages, type UseMessagesOptions } from './messaging/index.js';
