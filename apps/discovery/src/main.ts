import { bootstrap } from '@rookery/platform';
import { DiscoveryServerModule } from './discovery-server.module.js';

await bootstrap(DiscoveryServerModule);
