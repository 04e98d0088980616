export { useKafka, type KafkaOfRun, type SpecKafka } from './use-kafka.js';
