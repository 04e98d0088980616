import { bootstrap } from '@rookery/platform';
import { ConsoleModule } from './console.module.js';

await bootstrap(ConsoleModule);
