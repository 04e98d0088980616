import { Module } from '@nestjs/common';
import { RookeryModule } from '@rookery/platform';
import { AuthServerModule } from './auth-server.module.js';
import { migrations } from './persistence/migrations.js';

/** The auth service. */
@Module({
  imports: [RookeryModule.forRoot({ name: 'auth', persistence: { migrations } }), AuthServerModule],
})
export class AuthModule {}
