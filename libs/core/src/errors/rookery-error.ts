const BRAND = Symbol.for('rookery.error');

/** What an error says of itself besides its message. */
export interface RookeryErrorOptions {
  /** What went wrong underneath; kept for logs, never sent to a client. */
  cause?: unknown;
  /** Machine-readable facts that are safe to show to a client. */
  details?: Readonly<Record<string, unknown>>;
}

/**
 * The base of every error the platform throws. Subclasses set a stable `code`, the HTTP `status` a
 * server answers with, and whether the same call may succeed later (`retryable`).
 *
 * Recognise one with {@link isRookeryError} or `instanceof`: both work across duplicate copies of
 * this package, because the brand is a registered symbol.
 */
export abstract class RookeryError extends Error {
  /** Stable, never reused: `RKY_<AREA>_<WHAT>`. */
  abstract readonly code: string;
  /** HTTP status that this error stands for. */
  readonly status: number = 500;
  /** Short human title of the class of problem, the `title` of a problem document. */
  readonly title: string = 'Internal error';
  /** Whether repeating the same call unchanged may succeed. */
  readonly retryable: boolean = false;
  /** Facts that are safe to show to a client. */
  readonly details: Readonly<Record<string, unknown>> | undefined;

  constructor(message: string, options: RookeryErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.details = options.details;
    Object.defineProperty(this, BRAND, { value: true });
  }

  /**
   * HTTP status that a server answers with when nobody has handled this error. It differs from
   * `status` where the error tells of another server's answer.
   */
  get answerStatus(): number {
    return this.status;
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    if (this === RookeryError) return isRookeryError(value);
    return Function.prototype[Symbol.hasInstance].call(this, value);
  }
}

/** Whether a value is a {@link RookeryError}, from this copy of the package or another. */
export function isRookeryError(value: unknown): value is RookeryError {
  return typeof value === 'object' && value !== null && BRAND in value;
}
