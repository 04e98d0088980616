import { bootstrap } from '@rookery/platform';
import { ConfigServerModule } from './config-server.module.js';

await bootstrap(ConfigServerModule);
