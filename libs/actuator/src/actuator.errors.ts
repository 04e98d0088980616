import { RookeryError } from '@rookery/core';

/** The service keeps no spans in memory. */
export class TracesOffError extends RookeryError {
  override readonly code = 'RKY_ACT_TRACES_OFF';
  override readonly status = 404;
  override readonly title = 'No traces are kept';

  constructor() {
    super('this service keeps no traces in memory; set tracing.ring.enabled to true');
  }
}

/** No kept span belongs to the trace. */
export class TraceNotFoundError extends RookeryError {
  override readonly code = 'RKY_ACT_TRACE_NOT_FOUND';
  override readonly status = 404;
  override readonly title = 'Trace not found';

  constructor(traceId: string) {
    super(`no kept span belongs to trace ${traceId}`);
  }
}

/** A parameter of a management request is wrong. */
export class InvalidManagementRequestError extends RookeryError {
  override readonly code = 'RKY_ACT_INVALID_REQUEST';
  override readonly status = 400;
  override readonly title = 'Invalid request';

  constructor(field: string, message: string) {
    super(`${field}: ${message}`, { details: { errors: [{ field, message }] } });
  }
}

/** What operators see was asked for by somebody else. */
export class OperatorsOnlyError extends RookeryError {
  override readonly code = 'RKY_ACT_OPERATORS_ONLY';
  override readonly status = 403;
  override readonly title = 'Forbidden';

  constructor() {
    super('outside of development this needs scope ops:read');
  }
}
