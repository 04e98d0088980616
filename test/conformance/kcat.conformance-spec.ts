import { conformanceOf } from './suite/suite.js';
import { kcatClient } from './workers/kcat-client.js';

await conformanceOf(kcatClient);
