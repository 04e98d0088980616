export { NestConfigModule } from './nest-config.module.js';
