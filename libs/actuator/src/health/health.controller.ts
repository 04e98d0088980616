import { Controller, Get, Header, Res, SetMetadata } from '@nestjs/common';
import { ConfigStore, ServiceInfo } from '@rookery/config';
import type { HealthGroup } from '@rookery/core';
import type { FastifyReply } from 'fastify';
import { isOperator, PUBLIC_METADATA } from '../access/operator.js';
import { managementSchema, type ManagementConfig } from '../actuator.options.js';
import { HealthReporter, type HealthReport } from './report.health.js';

/** What a caller gets: the parts only when it may see them. */
type HealthAnswer = Pick<HealthReport, 'status'> & Partial<HealthReport>;

/** How the service is: 200 when it serves (`UP`, `DEGRADED`), else 503. */
@Controller('manage/health')
@SetMetadata(PUBLIC_METADATA, true)
export class HealthController {
  readonly #details: ManagementConfig['health']['details'];

  constructor(
    private readonly reporter: HealthReporter,
    private readonly service: ServiceInfo,
    store: ConfigStore,
  ) {
    this.#details = store.namespace('management', managementSchema).health.details;
  }

  @Get()
  @Header('cache-control', 'no-store')
  all(@Res({ passthrough: true }) reply: FastifyReply): Promise<HealthAnswer> {
    return this.#answer(reply);
  }

  @Get('live')
  @Header('cache-control', 'no-store')
  live(@Res({ passthrough: true }) reply: FastifyReply): Promise<HealthAnswer> {
    return this.#answer(reply, 'live');
  }

  @Get('ready')
  @Header('cache-control', 'no-store')
  ready(@Res({ passthrough: true }) reply: FastifyReply): Promise<HealthAnswer> {
    return this.#answer(reply, 'ready');
  }

  @Get('startup')
  @Header('cache-control', 'no-store')
  startup(@Res({ passthrough: true }) reply: FastifyReply): Promise<HealthAnswer> {
    return this.#answer(reply, 'startup');
  }

  async #answer(reply: FastifyReply, group?: HealthGroup): Promise<HealthAnswer> {
    const report = await this.reporter.report(group);
    reply.code(report.status === 'UP' || report.status === 'DEGRADED' ? 200 : 503);
    return this.#showDetails() ? report : { status: report.status };
  }

  #showDetails(): boolean {
    if (this.#details !== 'when-authorized') return this.#details === 'always';
    return isOperator(this.service.profile);
  }
}
