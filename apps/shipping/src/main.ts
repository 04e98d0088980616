import { bootstrap } from '@rookery/platform';
import { ShippingModule } from './shipping.module.js';

await bootstrap(ShippingModule);
