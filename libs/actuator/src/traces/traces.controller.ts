import { Controller, Get, Param, Query, SetMetadata } from '@nestjs/common';
import { ServiceInfo } from '@rookery/config';
import { Tracing, type SpanRing, type ZipkinSpan } from '@rookery/observability';
import { isOperator, PUBLIC_METADATA } from '../access/operator.js';
import {
  InvalidManagementRequestError,
  OperatorsOnlyError,
  TraceNotFoundError,
  TracesOffError,
} from '../actuator.errors.js';

const TRACE_ID = /^(?:[0-9a-f]{16}|[0-9a-f]{32})$/i;
const MAX_LIMIT = 500;
const DEFAULT_LIMIT = 20;

/**
 * The newest traces of this service, as far as it keeps them, in Zipkin's v2 JSON and the shapes of
 * its query API. Open to all in development; elsewhere to operators.
 */
@Controller('manage/traces')
@SetMetadata(PUBLIC_METADATA, true)
export class TracesController {
  constructor(
    private readonly tracing: Tracing,
    private readonly service: ServiceInfo,
  ) {}

  @Get()
  list(@Query('limit') limit?: string): ZipkinSpan[][] {
    const ring = this.#ring();
    const count = limit === undefined ? DEFAULT_LIMIT : Number(limit);
    if (!Number.isInteger(count) || count < 1 || count > MAX_LIMIT) {
      throw new InvalidManagementRequestError('limit', `must be a number from 1 to ${MAX_LIMIT}`);
    }
    return ring.traces(count);
  }

  @Get(':traceId')
  trace(@Param('traceId') traceId: string): ZipkinSpan[] {
    const ring = this.#ring();
    if (!TRACE_ID.test(traceId)) {
      throw new InvalidManagementRequestError('traceId', 'must be 16 or 32 hexadecimal digits');
    }
    const spans = ring.trace(traceId);
    if (spans.length === 0) throw new TraceNotFoundError(traceId);
    return spans;
  }

  #ring(): SpanRing {
    if (!isOperator(this.service.profile)) throw new OperatorsOnlyError();
    if (this.tracing.ring === undefined) throw new TracesOffError();
    return this.tracing.ring;
  }
}
