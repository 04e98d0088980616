import { conformanceOf } from './suite/suite.js';
import { librdkafkaClient } from './workers/librdkafka-client.js';

await conformanceOf(librdkafkaClient);
