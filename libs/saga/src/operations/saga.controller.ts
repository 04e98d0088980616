import { Controller, Get, Param, Query, UseGuards } from '@nestjs/common';
import { Scopes } from '@rookery/security';
import {
  SagaOperations,
  type SagaCount,
  type SagaDetails,
  type SagaQuery,
  type SagaSummary,
} from './saga-operations.js';
import { SAGA_SCOPE, SagaGuard } from './saga.guard.js';

/** Sagas for the console and for operators; needs a token with the scope `ops:read`. */
@Controller('manage/sagas')
@Scopes(SAGA_SCOPE)
@UseGuards(SagaGuard)
export class SagaController {
  constructor(private readonly operations: SagaOperations) {}

  /** The newest sagas, `?saga=&state=&limit=`, and how many there are. */
  @Get()
  async list(
    @Query() query: Record<string, unknown>,
  ): Promise<{ sagas: SagaSummary[]; counts: SagaCount[] }> {
    const [sagas, counts] = await Promise.all([
      this.operations.list(query as SagaQuery),
      this.operations.counts(),
    ]);
    return { sagas, counts };
  }

  /** One saga with its timeline. */
  @Get(':id')
  find(@Param('id') id: string): Promise<SagaDetails> {
    return this.operations.find(id);
  }
}
