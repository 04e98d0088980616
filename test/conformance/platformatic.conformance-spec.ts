import { conformanceOf } from './suite/suite.js';
import { nodeClient } from './workers/node-client.js';

await conformanceOf(nodeClient('platformatic'));
