export { EmbeddedKafka } from './embedded-kafka.js';
export type { EmbeddedKafkaOptions, EmbeddedKafkaSasl } from './embedded-kafka.options.js';
export {
  DataDirectoryError,
  ListenError,
  PortInUseError,
  ProductionRefusedError,
  UnknownTargetError,
} from './embedded-kafka.errors.js';
export type {
  ErrorName,
  Fault,
  FaultPoint,
  FaultRule,
  FaultStage,
  Heal,
  RequestFilter,
} from './fault/fault.js';
export type { KafkaFaults, RebalanceOptions } from './fault/kafka-faults.js';
export type { SaslMechanism } from './sasl/credentials.js';
export type { ConnectionFilter } from './server/node-servers.js';
