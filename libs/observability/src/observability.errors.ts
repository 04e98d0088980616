import { RookeryError } from '@rookery/core';

/** A metric was registered twice under one name with a different kind or different labels. */
export class MetricConflictError extends RookeryError {
  override readonly code = 'RKY_OBS_METRIC_CONFLICT';
  override readonly title = 'Metric conflict';

  constructor(
    /** The metric's name. */
    readonly metric: string,
    why: string,
  ) {
    super(`metric '${metric}' exists already, ${why}`);
  }
}
