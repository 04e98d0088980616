import { bootstrap } from '@rookery/platform';
import { ApiGatewayModule } from './api-gateway.module.js';

await bootstrap(ApiGatewayModule);
