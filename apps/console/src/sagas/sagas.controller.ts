import { Controller, Get, Param } from '@nestjs/common';
import { Public } from '@rookery/security';
import type { SagaDetailsView } from './saga-view.js';
import { Sagas } from './sagas.js';

/** Single sagas, for the page. */
@Controller('api/sagas')
@Public()
export class SagasController {
  constructor(private readonly sagas: Sagas) {}

  @Get(':service/:id')
  find(@Param('service') service: string, @Param('id') id: string): Promise<SagaDetailsView> {
    return this.sagas.find(service, id);
  }
}
