import { bootstrap } from '@rookery/platform';
import { AuthModule } from './auth.module.js';

await bootstrap(AuthModule);
