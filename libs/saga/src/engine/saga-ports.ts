import type { CommandContract, ReplyContract } from '@rookery/messaging';
import type { SagaInstance, SagaStatus } from './saga-instance.js';

/** Which instances {@link SagaStore.list} gives. */
export interface SagaFilter {
  readonly saga?: string;
  readonly status?: SagaStatus;
  /** The newest so many. */
  readonly limit: number;
}

/** A saga to look at: its definition's name and version, of which an orchestrator knows some. */
export interface KnownSaga {
  readonly saga: string;
  readonly version: number;
}

/** Where instances are kept. Joins the transaction of its caller. */
export abstract class SagaStore {
  /** Runs `fn` in a transaction: the current one, or a new one. */
  abstract transaction<T>(fn: () => Promise<T>): Promise<T>;
  /** Runs `fn` so that what it wrote is undone when it throws, and only that. */
  abstract savepoint<T>(fn: () => Promise<T>): Promise<T>;
  /** Calls `fn` once the current transaction has committed. */
  abstract afterCommit(fn: () => void): void;
  /** Adds an instance; false when there is one with its id. */
  abstract insert(instance: SagaInstance): Promise<boolean>;
  /** Reads and locks an instance until the transaction ends. */
  abstract lock(id: string): Promise<SagaInstance | undefined>;
  /** Locks the longest due instance of those sagas that nobody else has locked. */
  abstract lockDue(now: number, known: readonly KnownSaga[]): Promise<SagaInstance | undefined>;
  /** When the next instance of those sagas falls due. */
  abstract nextDue(known: readonly KnownSaga[]): Promise<number | undefined>;
  /**
   * Writes a locked instance and counts its revision up.
   *
   * @throws SagaConflictError when it was written meanwhile
   */
  abstract save(instance: SagaInstance): Promise<void>;
  abstract find(id: string): Promise<SagaInstance | undefined>;
  abstract list(filter: SagaFilter): Promise<SagaInstance[]>;
  /** How many instances there are by saga and status. */
  abstract counts(): Promise<{ saga: string; status: SagaStatus; count: number }[]>;
}

/** A command on its way. */
export interface OutgoingCommand {
  readonly id: string;
  readonly command: CommandContract;
  readonly data: unknown;
  /** Comes back as the reply's key. */
  readonly sagaId: string;
  readonly correlationId: string;
}

/** How commands leave. Joins the transaction of its caller. */
export interface SagaTransport {
  /** @throws when the data does not fit the command; nothing was written then */
  send(command: OutgoingCommand): Promise<void>;
}

/** A reply that came. */
export interface IncomingReply {
  readonly sagaId: string;
  /** Id of the command it answers. */
  readonly inReplyTo: string;
  readonly contract: ReplyContract;
  readonly data: unknown;
}

/** How work that no message caused takes part in the trace of its saga. */
export interface SagaTracer {
  /** Headers from which the running trace can be continued. */
  capture(): Readonly<Record<string, string>>;
  /** Runs `fn` within the trace that was captured. */
  within<T>(instance: SagaInstance, fn: () => Promise<T>): Promise<T>;
}
