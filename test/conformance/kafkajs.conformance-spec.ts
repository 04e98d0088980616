import { nodeClient } from './workers/node-client.js';
import { conformanceOf } from './suite/suite.js';

await conformanceOf(nodeClient('kafkajs'));
