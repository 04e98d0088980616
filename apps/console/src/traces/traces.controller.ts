import { Controller, Get, Param } from '@nestjs/common';
import { Public } from '@rookery/security';
import { NothingThereError } from '../console.errors.js';
import type { TraceSummary, TraceView } from './trace-view.js';
import { Traces } from './traces.js';

const LISTED = 50;

/** Traces, for the page. */
@Controller('api/traces')
@Public()
export class TracesController {
  constructor(private readonly traces: Traces) {}

  @Get()
  list(): Promise<TraceSummary[]> {
    return this.traces.list(LISTED);
  }

  @Get(':traceId')
  find(@Param('traceId') traceId: string): Promise<TraceView> {
    if (!/^([0-9a-f]{16}|[0-9a-f]{32})$/i.test(traceId)) {
      throw new NothingThereError('a trace id has 16 or 32 hexadecimal digits');
    }
    return this.traces.find(traceId);
  }
}
