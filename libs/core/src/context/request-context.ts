import { AsyncLocalStorage } from 'node:async_hooks';
import type { Deadline } from '../deadline/deadline.js';

/** Who a request acts for, as the verified token says. */
export interface Principal {
  /** Subject: a user's id, or a client's for a service token. */
  readonly subject: string;
  /** The OAuth client that the token was issued to. */
  readonly clientId: string;
  readonly scopes: ReadonlySet<string>;
  readonly roles: ReadonlySet<string>;
  /** All claims of the token. */
  readonly claims: Readonly<Record<string, unknown>>;
  /** The token as received, for relaying it. Never log it. */
  readonly token: string;
}

/** What belongs to one unit of work: an HTTP request, a message, a job. */
export interface RequestContext {
  /** Service that does the work; several may share a process. */
  readonly app: string;
  /** Ties together all that one request caused, across services. */
  readonly correlationId: string;
  /** When the caller stops waiting. */
  readonly deadline?: Deadline | undefined;
  /** Aborts when the caller gave up or the deadline passed. */
  readonly signal?: AbortSignal | undefined;
  readonly principal?: Principal | undefined;
  /** The message that is being handled: what is published meanwhile names it as its cause. */
  readonly messageId?: string | undefined;
}

const storage = new AsyncLocalStorage<RequestContext>();

/** The context of the running unit of work, `undefined` outside of any. */
export function currentContext(): RequestContext | undefined {
  return storage.getStore();
}

/** Runs `fn` and all that it awaits within `context`. */
export function runInContext<T>(context: RequestContext, fn: () => T): T {
  return storage.run(context, fn);
}

/**
 * Runs `fn` in the current context with some fields replaced. Outside of any, just runs it.
 *
 * The rest is not copied: a field may be a getter that costs something when it is read.
 */
export function runWithContext<T>(change: Partial<RequestContext>, fn: () => T): T {
  const context = storage.getStore();
  if (context === undefined) return fn();
  return storage.run(new ChangedContext(context, change), fn);
}

/** Asks its parent for what was not changed, when it is asked itself. */
class ChangedContext implements RequestContext {
  readonly #parent: RequestContext;
  readonly #change: Partial<RequestContext>;

  constructor(parent: RequestContext, change: Partial<RequestContext>) {
    this.#parent = parent;
    this.#change = change;
  }

  get app(): string {
    return this.#change.app ?? this.#parent.app;
  }

  get correlationId(): string {
    return this.#change.correlationId ?? this.#parent.correlationId;
  }

  get deadline(): Deadline | undefined {
    return 'deadline' in this.#change ? this.#change.deadline : this.#parent.deadline;
  }

  get signal(): AbortSignal | undefined {
    return 'signal' in this.#change ? this.#change.signal : this.#parent.signal;
  }

  get principal(): Principal | undefined {
    return 'principal' in this.#change ? this.#change.principal : this.#parent.principal;
  }

  get messageId(): string | undefined {
    return 'messageId' in this.#change ? this.#change.messageId : this.#parent.messageId;
  }
}

const CORRELATION_ID = /^[A-Za-z0-9._-]{1,64}$/;

/** Whether a correlation id from outside may be taken over; log injection ends here. */
export function isCorrelationId(value: unknown): value is string {
  return typeof value === 'string' && CORRELATION_ID.test(value);
}
