import { bootstrap } from '@rookery/platform';
import { PaymentsModule } from './payments.module.js';

await bootstrap(PaymentsModule);
