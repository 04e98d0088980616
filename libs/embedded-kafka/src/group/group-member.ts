import type { Cancel, Clock } from '@rookery/core';
import { ErrorCode } from '../protocol/error-code.js';

/** A way of assigning partitions that a member knows, with what it says for it. */
export interface MemberProtocol {
  readonly name: string;
  readonly metadata: Buffer;
}

/** Answer to a join. */
export interface JoinResult {
  readonly errorCode: number;
  readonly memberId: string;
  readonly generationId: number;
  readonly protocolType: string | null;
  readonly protocolName: string | null;
  readonly leader: string;
  /** For a leader that rejoined without a rebalance: the assignment stands. */
  readonly skipAssignment: boolean;
  /** For the leader: all members with what they said for the chosen protocol. */
  readonly members: readonly {
    memberId: string;
    groupInstanceId: string | null;
    metadata: Buffer;
  }[];
}

/** Answer to a sync. */
export interface SyncResult {
  readonly errorCode: number;
  readonly protocolType: string | null;
  readonly protocolName: string | null;
  readonly assignment: Buffer;
}

export const NO_ASSIGNMENT = Buffer.alloc(0);

/** A failed join says nothing but why. */
export function joinFailure(errorCode: ErrorCode, memberId: string): JoinResult {
  return {
    errorCode,
    memberId,
    generationId: -1,
    protocolType: null,
    protocolName: null,
    leader: '',
    skipAssignment: false,
    members: [],
  };
}

/** A failed sync says nothing but why. */
export function syncFailure(errorCode: ErrorCode): SyncResult {
  return { errorCode, protocolType: null, protocolName: null, assignment: NO_ASSIGNMENT };
}

/** Who joins and how, from its request. */
export interface MemberFacts {
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly protocols: readonly MemberProtocol[];
}

/** One member of a group: what it told, what it waits for, and the timer of its session. */
export class GroupMember {
  assignment: Buffer = NO_ASSIGNMENT;
  #answerJoin: ((result: JoinResult) => void) | undefined;
  #answerSync: ((result: SyncResult) => void) | undefined;
  #cancelSession: Cancel | undefined;

  constructor(
    readonly id: string,
    public facts: MemberFacts,
    private readonly clock: Clock,
    private readonly onExpire: (member: GroupMember) => void,
  ) {}

  get isJoining(): boolean {
    return this.#answerJoin !== undefined;
  }

  get isSyncing(): boolean {
    return this.#answerSync !== undefined;
  }

  /** What it says for a protocol, `undefined` when it does not know it. */
  metadataFor(protocol: string): Buffer | undefined {
    return this.facts.protocols.find(({ name }) => name === protocol)?.metadata;
  }

  knows(protocols: readonly MemberProtocol[]): boolean {
    const mine = this.facts.protocols;
    return (
      mine.length === protocols.length &&
      mine.every(
        ({ name, metadata }, index) =>
          protocols[index]?.name === name && protocols[index].metadata.equals(metadata),
      )
    );
  }

  /** Waits for the rebalance; its session cannot expire meanwhile. A join sent again replaces. */
  awaitJoin(): Promise<JoinResult> {
    this.failJoin(ErrorCode.UNKNOWN_MEMBER_ID);
    this.endSession();
    return new Promise((resolve) => (this.#answerJoin = resolve));
  }

  answerJoin(result: JoinResult): void {
    this.#answerJoin?.(result);
    this.#answerJoin = undefined;
    this.beat();
  }

  failJoin(errorCode: ErrorCode): void {
    this.#answerJoin?.(joinFailure(errorCode, this.id));
    this.#answerJoin = undefined;
  }

  awaitSync(): Promise<SyncResult> {
    this.failSync(ErrorCode.REBALANCE_IN_PROGRESS);
    this.endSession();
    return new Promise((resolve) => (this.#answerSync = resolve));
  }

  answerSync(result: SyncResult): void {
    if (this.#answerSync === undefined) return;
    this.#answerSync(result);
    this.#answerSync = undefined;
    this.beat();
  }

  failSync(errorCode: ErrorCode): void {
    this.answerSync(syncFailure(errorCode));
  }

  /** Starts its session anew, unless it waits for us: then it has no chance to beat. */
  beat(): void {
    this.endSession();
    if (this.isJoining || this.isSyncing) return;
    this.#cancelSession = this.clock.after(this.facts.sessionTimeoutMs, () => this.onExpire(this));
  }

  endSession(): void {
    this.#cancelSession?.();
    this.#cancelSession = undefined;
  }

  /** Ends all that is pending; for a member that is gone. */
  dismiss(errorCode: ErrorCode): void {
    this.failJoin(errorCode);
    this.failSync(errorCode);
    this.endSession();
  }
}
