import { Controller, Get, Res, SetMetadata } from '@nestjs/common';
import { Metrics } from '@rookery/observability';
import type { FastifyReply } from 'fastify';
import { PUBLIC_METADATA } from '../access/operator.js';

/** The metrics of the service as Prometheus scrapes them. */
@Controller('manage/prometheus')
@SetMetadata(PUBLIC_METADATA, true)
export class PrometheusController {
  constructor(private readonly metrics: Metrics) {}

  @Get()
  async expose(@Res({ passthrough: true }) reply: FastifyReply): Promise<string> {
    const text = await this.metrics.expose();
    reply.type(this.metrics.contentType);
    return text;
  }
}
