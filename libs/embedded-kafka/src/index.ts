export { EmbeddedKafka } from './embedded-kafka.js';
export type { EmbeddedKafkaOptions } from './embedded-kafka.options.js';
export {
  DataDirectoryError,
  ListenError,
  PortInUseError,
  ProductionRefusedError,
} from './embedded-kafka.errors.js';
export type { Fault, FaultPoint, FaultRule } from './server/fault.js';
