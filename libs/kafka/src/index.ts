export { KAFKA_DRIVER, KafkaModule, type KafkaModuleOptions } from './kafka.module.js';
export { kafkaOptions, type KafkaOptions } from './kafka.options.js';
export {
  CommitFencedError,
  DriverMissingError,
  KafkaClosedError,
  KafkaRequestError,
  KafkaSendError,
  KafkaUnavailableError,
  reasonOf,
} from './kafka.errors.js';
export type {
  ConsumerListener,
  ConsumerOptions,
  ConsumerState,
  ConsumerStatus,
  HeaderValue,
  IncomingRecord,
  KafkaAdmin,
  KafkaConsumer,
  KafkaDriver,
  KafkaLog,
  KafkaProducer,
  OutgoingRecord,
  PartitionLag,
  ProducerOptions,
  RecordBatch,
  RecordHeaders,
  TopicPartition,
  TopicPartitionOffset,
  TopicSpec,
} from './driver/kafka-driver.js';
export { murmur2, partitionOf } from './driver/murmur2.js';
export { awaitBroker, type AwaitBrokerParts } from './driver/await-broker.js';
export {
  MemoryBroker,
  type MemoryBrokerOptions,
  type MemoryFaults,
} from './memory/memory-broker.js';
export type { MemoryGroup, MemoryMember } from './memory/memory-group.js';
export { MemoryKafkaDriver, type MemoryKafkaDriverOptions } from './memory/memory-kafka.driver.js';
export type {
  KafkajsDriver,
  KafkajsDriverOptions,
  KafkajsDriverParts,
} from './kafkajs/kafkajs.driver.js';
export { kafkajsDriver } from './kafkajs/kafkajs-loader.js';
export type { PlatformaticDriver } from './platformatic/platformatic.driver.js';
export { platformaticDriver } from './platformatic/platformatic-loader.js';
export type {
  DriverOptions,
  DriverParts,
  DriverSettings,
  SaslOptions,
} from './driver/driver.options.js';
export { brokerHealth, consumerHealth } from './kafka.health.js';
