import { Module } from '@nestjs/common';
import { ConfigStore } from '@rookery/config';
import { RookeryModule } from '@rookery/platform';
import { readOptions } from './config-server.options.js';
import { EnvironmentController } from './environment/environment.controller.js';
import { FileRepository } from './repository/file-repository.js';
import { RevisionController } from './revision/revision.controller.js';

/** The config server. It starts before everything else, so it needs neither tokens nor registry. */
@Module({
  imports: [
    RookeryModule.forRoot({
      name: 'config-server',
      security: false,
      discovery: false,
      // Every client asks every few seconds; a line for each would hide the others.
      quietPaths: ['/'],
    }),
  ],
  controllers: [RevisionController, EnvironmentController],
  providers: [
    {
      provide: FileRepository,
      inject: [ConfigStore],
      useFactory: (config: ConfigStore) => new FileRepository(readOptions(config).root),
    },
  ],
})
export class ConfigServerModule {}
