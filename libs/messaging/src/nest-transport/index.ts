export type { NestTransportOptions } from './nest-transport.options.js';
export { bytesCodec, jsonCodec, nestCodec, textCodec, type RecordCodec } from './record-codec.js';
export { NotOfferedError } from './nest-transport.errors.js';
export { RookeryKafkaContext } from './rookery-kafka-context.providers.js';
export { RookeryTransportModule } from './rookery-transport.module.js';
export { RookeryTransport, type Providers } from './rookery-transport.strategy.js';
