import { Module } from '@nestjs/common';
import { GatewayModule } from '@rookery/gateway';
import { RookeryModule } from '@rookery/platform';

/** The gateway: the only door from outside. Its routes are in `config/api-gateway.yml`. */
@Module({
  imports: [RookeryModule.forRoot({ name: 'api-gateway' }), GatewayModule.forRoot()],
})
export class ApiGatewayModule {}
