import { conformanceOf } from './suite/suite.js';
import { javaClient } from './workers/java-client.js';

await conformanceOf(javaClient);
