import type { ServerResponse } from 'node:http';
import {
  AbortedError,
  TimeoutError,
  type Clock,
  type Deadline,
  type RequestContext,
} from '@rookery/core';

/** The context of one HTTP request. */
export class HttpContext implements RequestContext {
  /**
   * Aborts at the deadline, and when the caller leaves. Made when first asked for: most handlers
   * never wait for anything that could be given up.
   */
  declare readonly signal: AbortSignal;
  readonly #response: ServerResponse;
  readonly #clock: Clock;
  #controller: AbortController | undefined;
  #cancel: (() => void) | undefined;

  // An own property, since whoever changes a context copies it by its own properties; and one getter
  // for all, since a getter of its own would cost each context a hidden class of its own.
  static readonly #signal: PropertyDescriptor & ThisType<HttpContext> = {
    enumerable: true,
    get() {
      return this.#watch();
    },
  };

  constructor(
    readonly app: string,
    readonly correlationId: string,
    readonly deadline: Deadline | undefined,
    response: ServerResponse,
    clock: Clock,
  ) {
    this.#response = response;
    this.#clock = clock;
    Object.defineProperty(this, 'signal', HttpContext.#signal);
  }

  /** Releases what waits for the end of the request; gives up its work when it went unanswered. */
  end(answered: boolean): void {
    this.#cancel?.();
    if (!answered) this.#controller?.abort(new AbortedError('request'));
  }

  #watch(): AbortSignal {
    if (this.#controller !== undefined) return this.#controller.signal;
    const controller = (this.#controller = new AbortController());
    if (this.deadline !== undefined) {
      const { limitMs, remainingMs } = this.deadline;
      this.#cancel = this.#clock.after(remainingMs, () =>
        controller.abort(new TimeoutError('request', limitMs)),
      );
    }
    const { destroyed, writableFinished } = this.#response;
    if (destroyed && !writableFinished) this.end(false);
    return controller.signal;
  }
}
