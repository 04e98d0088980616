import type { Deadline, Principal, RequestContext } from '@rookery/core';

/** Where a call context finds what it does not copy. */
export interface CallLimits {
  readonly signal: AbortSignal;
  readonly deadline: Deadline;
}

/**
 * The context of a call that has a limit of its own. Deadline and signal are made when somebody
 * asks for them, because most calls never do and an AbortSignal costs more than the rest together.
 */
export class CallContext implements RequestContext {
  readonly app: string;
  readonly correlationId: string;
  readonly principal: Principal | undefined;
  readonly messageId: string | undefined;

  constructor(
    parent: RequestContext,
    // Not `#limits`: contexts derived from this one reach it through the prototype chain.
    private readonly limits: CallLimits,
  ) {
    this.app = parent.app;
    this.correlationId = parent.correlationId;
    this.principal = parent.principal;
    this.messageId = parent.messageId;
  }

  get deadline(): Deadline {
    return this.limits.deadline;
  }

  get signal(): AbortSignal {
    return this.limits.signal;
  }
}
