/**
 * How one call of an instance went; balancers learn from it. `unreachable`: no connection could be made.
 * `aborted`: it ended for a reason that says nothing about the instance.
 */
export type CallOutcome = 'success' | 'failure' | 'unreachable' | 'aborted';

/** An instance that was chosen for one call. */
export interface UpstreamLease {
  readonly instanceId: string;
  /** `http://host:port` */
  readonly origin: string;
  /** Ends the call; must be called once. */
  release(outcome: CallOutcome): void;
}

/** Chooses an instance of a service for a call. */
export interface UpstreamBalancer {
  /**
   * @param exclude ids of instances that this request has tried already
   * @throws an error with status 503 when the service has no instance
   */
  choose(service: string, exclude: ReadonlySet<string>): UpstreamLease;
}
