import { bootstrap } from '@rookery/platform';
import { OrdersModule } from './orders.module.js';

await bootstrap(OrdersModule);
