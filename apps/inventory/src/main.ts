import { bootstrap } from '@rookery/platform';
import { InventoryModule } from './inventory.module.js';

await bootstrap(InventoryModule);
