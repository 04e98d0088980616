import { conformanceOf } from './suite/suite.js';
import { consoleClient } from './workers/console-client.js';

await conformanceOf(consoleClient);
