import { randomUUID } from 'node:crypto';
import type { Cancel, Clock } from '@rookery/core';
import { ErrorCode } from '../protocol/error-code.js';
import {
  GroupMember,
  NO_ASSIGNMENT,
  joinFailure,
  syncFailure,
  type JoinResult,
  type MemberFacts,
  type SyncResult,
} from './group-member.js';
import { GroupRoster } from './group-roster.js';

/** As DescribeGroups names them. */
export type GroupState = 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable' | 'Dead';

/** A request to join. */
export interface JoinRequest extends MemberFacts {
  readonly memberId: string;
  readonly protocolType: string;
  /** Whether a new member is given an id first and joins with the second request (KIP-394). */
  readonly requiresKnownId: boolean;
}

/** Limits and timing of groups. */
export interface GroupOptions {
  readonly clock: Clock;
  /** Milliseconds a new group waits for more members before its first rebalance. */
  readonly initialRebalanceDelay: number;
  /** Members of one group, those with an id but not joined included. */
  readonly maxMembers: number;
  /** Called when a generation begins, so that its number outlives the broker. */
  readonly onGeneration?: (generation: number, protocolType: string | null) => void;
}

/**
 * The classic group protocol of one group, seen from the coordinator. The broker never looks into
 * metadata and assignments: the members' leader assigns.
 *
 * Members join (PreparingRebalance) until all known ones did or the longest rebalance timeout has
 * passed; then a generation begins, the leader's sync brings the assignments (CompletingRebalance),
 * and the group is Stable until a member comes, leaves, changes or falls silent.
 */
export class ConsumerGroup {
  #state: GroupState = 'Empty';
  #protocol: string | null = null;
  readonly #roster: GroupRoster;
  #cancelRebalance: Cancel | undefined;
  #gathering = false;

  /** @param generation the number of the last generation before a restart */
  constructor(
    readonly id: string,
    private readonly options: GroupOptions,
    private generation = 0,
    /** What the group is for, `consumer` for consumers; null while nobody has said. */
    public protocolType: string | null = null,
  ) {
    this.#roster = new GroupRoster(options.clock);
  }

  get state(): GroupState {
    return this.#state;
  }

  /** How partitions are assigned in the current generation. */
  get protocol(): string | null {
    return this.#protocol;
  }

  get members(): readonly GroupMember[] {
    return this.#roster.members;
  }

  /** Whether nobody is a member or about to become one. */
  get isEmpty(): boolean {
    return this.#roster.size === 0;
  }

  /** Joins; resolves when the rebalance is complete. */
  async join(request: JoinRequest): Promise<JoinResult> {
    const { memberId, protocols, groupInstanceId } = request;
    if (this.#state === 'Dead') {
      return joinFailure(ErrorCode.COORDINATOR_NOT_AVAILABLE, memberId);
    }
    const alone = this.members.every(({ id }) => id === memberId);
    const fits =
      request.protocolType !== '' &&
      (alone || request.protocolType === this.protocolType) &&
      this.#roster.shares(protocols, memberId);
    if (!fits) return joinFailure(ErrorCode.INCONSISTENT_GROUP_PROTOCOL, memberId);
    if (memberId === '') return this.#joinAsNew(request);
    if (this.#roster.withdraw(memberId)) return this.#add(memberId, request);
    const fenced = this.#roster.fence(memberId, groupInstanceId);
    if (fenced !== undefined) return joinFailure(fenced, memberId);
    const member = this.#roster.member(memberId);
    if (member === undefined) return joinFailure(ErrorCode.UNKNOWN_MEMBER_ID, memberId);
    return this.#rejoin(member, request);
  }

  /** Brings (from the leader) or asks for the assignments of a generation. */
  async sync(
    memberId: string,
    generation: number,
    groupInstanceId: string | null,
    assignments: readonly { memberId: string; assignment: Buffer }[],
    expected: { protocolType: string | null; protocolName: string | null },
  ): Promise<SyncResult> {
    const member = this.#current(memberId, generation, groupInstanceId);
    if (!(member instanceof GroupMember)) return syncFailure(member);
    const differs =
      (expected.protocolType !== null && expected.protocolType !== this.protocolType) ||
      (expected.protocolName !== null && expected.protocolName !== this.#protocol);
    if (differs) return syncFailure(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
    if (this.#state === 'PreparingRebalance') return syncFailure(ErrorCode.REBALANCE_IN_PROGRESS);
    if (this.#state === 'Stable') {
      member.beat();
      return this.#syncResult(member);
    }
    const answer = member.awaitSync();
    if (memberId === this.#roster.leader) this.#assign(assignments);
    return answer;
  }

  /** Keeps a session alive, and tells a member when it has to join again. */
  heartbeat(memberId: string, generation: number, groupInstanceId: string | null): ErrorCode {
    const member = this.#current(memberId, generation, groupInstanceId);
    if (!(member instanceof GroupMember)) return member;
    member.beat();
    return this.#state === 'PreparingRebalance' ? ErrorCode.REBALANCE_IN_PROGRESS : ErrorCode.NONE;
  }

  /** Leaves, by member id or, with an empty one, by static instance id. */
  leave(memberId: string, groupInstanceId: string | null): ErrorCode {
    const id = memberId === '' ? (this.#roster.staticMember(groupInstanceId) ?? '') : memberId;
    if (this.#roster.withdraw(id)) {
      this.#completeIfAllJoined();
      return ErrorCode.NONE;
    }
    const fenced = this.#roster.fence(id, groupInstanceId);
    if (fenced !== undefined) return fenced;
    const member = this.#roster.member(id);
    if (member === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
    this.#remove(member);
    return ErrorCode.NONE;
  }

  /** Whether an offset commit may be stored. A generation below 0 comes from outside the group. */
  checkCommit(memberId: string, generation: number, groupInstanceId: string | null): ErrorCode {
    if (generation < 0 && memberId === '' && this.members.length === 0) return ErrorCode.NONE;
    const member = this.#current(memberId, generation, groupInstanceId);
    if (!(member instanceof GroupMember)) return member;
    member.beat();
    return this.#state === 'CompletingRebalance' ? ErrorCode.REBALANCE_IN_PROGRESS : ErrorCode.NONE;
  }

  /** Orders a rebalance, as a change of a member would. @returns whether there is anybody to order */
  rebalance(): boolean {
    if (this.members.length === 0) return false;
    if (this.#state !== 'PreparingRebalance') this.#prepareRebalance();
    return true;
  }

  /**
   * Another node coordinates the group from now on. It takes over what was complete, with sessions
   * that begin anew; a rebalance under way is lost with the old one, and its members start over.
   */
  coordinatorMoved(): void {
    if (this.#state === 'Stable' || this.#state === 'Empty') {
      for (const member of this.members) member.beat();
      return;
    }
    if (this.#state === 'Dead') return;
    this.#endRebalanceTimer();
    this.#roster.withdrawAll();
    for (const member of this.members) this.#roster.forget(member, ErrorCode.NOT_COORDINATOR);
    this.#state = 'Empty';
    this.#protocol = null;
  }

  /**
   * Whether offsets may be committed within a transaction. Clients from before KIP-447 name no
   * member, so those are not checked.
   */
  checkTransactionalCommit(
    memberId: string,
    generation: number,
    groupInstanceId: string | null,
  ): ErrorCode {
    if (this.#state === 'Dead') return ErrorCode.COORDINATOR_NOT_AVAILABLE;
    const nameless = memberId === '' && groupInstanceId === null;
    if (generation < 0 && (nameless || this.#state === 'Empty')) return ErrorCode.NONE;
    const member = this.#current(memberId, generation, groupInstanceId);
    return member instanceof GroupMember ? ErrorCode.NONE : member;
  }

  /** Ends the group: all who wait are told, all timers released. */
  close(): void {
    this.#state = 'Dead';
    this.#endRebalanceTimer();
    this.#roster.withdrawAll();
    for (const member of this.members) {
      this.#roster.forget(member, ErrorCode.COORDINATOR_NOT_AVAILABLE);
    }
  }

  #joinAsNew(request: JoinRequest): JoinResult | Promise<JoinResult> {
    const { groupInstanceId, clientId, sessionTimeoutMs } = request;
    const id = `${groupInstanceId ?? clientId}-${randomUUID()}`;
    const replaced = this.#roster.staticMember(groupInstanceId);
    if (replaced !== undefined) {
      return this.#replaceStatic(this.#roster.member(replaced) as GroupMember, id, request);
    }
    if (this.#roster.size >= this.options.maxMembers) {
      return joinFailure(ErrorCode.GROUP_MAX_SIZE_REACHED, '');
    }
    if (!request.requiresKnownId || groupInstanceId !== null) return this.#add(id, request);
    this.#roster.announce(id, sessionTimeoutMs, () => this.#completeIfAllJoined());
    return joinFailure(ErrorCode.MEMBER_ID_REQUIRED, id);
  }

  #add(id: string, request: JoinRequest): Promise<JoinResult> {
    const member = this.#newMember(id, request);
    if (this.members.length === 0) this.protocolType = request.protocolType;
    this.#roster.add(member);
    return this.#rebalanceFor(member);
  }

  #rejoin(member: GroupMember, request: JoinRequest): JoinResult | Promise<JoinResult> {
    const unchanged = member.knows(request.protocols);
    member.facts = request;
    // A repeated request whose answer was lost gets it again without disturbing the others.
    const repeats =
      unchanged &&
      (this.#state === 'CompletingRebalance' ||
        (this.#state === 'Stable' && member.id !== this.#roster.leader));
    if (!repeats) return this.#rebalanceFor(member);
    member.beat();
    return this.#joinResult(member);
  }

  /** A static member that restarted takes over its former place (KIP-345). */
  #replaceStatic(
    old: GroupMember,
    newId: string,
    request: JoinRequest,
  ): JoinResult | Promise<JoinResult> {
    const member = this.#newMember(newId, request);
    member.assignment = old.assignment;
    const led = this.#roster.leader === old.id;
    this.#roster.forget(old, ErrorCode.FENCED_INSTANCE_ID);
    this.#roster.add(member);
    if (led) this.#roster.leader = newId;
    if (this.#state !== 'Stable' || !old.knows(request.protocols)) {
      return this.#rebalanceFor(member);
    }
    member.beat();
    return { ...this.#joinResult(member), skipAssignment: led };
  }

  #newMember(id: string, facts: MemberFacts): GroupMember {
    return new GroupMember(id, facts, this.options.clock, (member) => this.#remove(member));
  }

  #rebalanceFor(member: GroupMember): Promise<JoinResult> {
    const answer = member.awaitJoin();
    if (this.#state === 'PreparingRebalance') this.#completeIfAllJoined();
    else this.#prepareRebalance();
    return answer;
  }

  #prepareRebalance(): void {
    const isNew = this.#state === 'Empty';
    this.#state = 'PreparingRebalance';
    this.#endRebalanceTimer();
    for (const member of this.members) member.failSync(ErrorCode.REBALANCE_IN_PROGRESS);
    const { clock, initialRebalanceDelay } = this.options;
    if (!isNew || initialRebalanceDelay === 0) {
      this.#waitForJoins();
      return;
    }
    this.#gathering = true;
    this.#cancelRebalance = clock.after(initialRebalanceDelay, () => {
      this.#gathering = false;
      this.#waitForJoins();
    });
  }

  #waitForJoins(): void {
    this.#cancelRebalance = this.options.clock.after(this.#longestRebalance(), () => {
      this.#roster.withdrawAll();
      for (const member of this.members) if (!member.isJoining) this.#roster.forget(member);
      this.#beginGeneration();
    });
    this.#completeIfAllJoined();
  }

  #completeIfAllJoined(): void {
    if (this.#state !== 'PreparingRebalance' || this.#gathering) return;
    if (this.#roster.awaitsAnnounced) return;
    if (this.members.every(({ isJoining }) => isJoining)) this.#beginGeneration();
  }

  #beginGeneration(): void {
    this.#endRebalanceTimer();
    this.generation++;
    this.options.onGeneration?.(this.generation, this.protocolType);
    if (this.members.length === 0) {
      this.#state = 'Empty';
      this.#protocol = null;
      return;
    }
    this.#state = 'CompletingRebalance';
    this.#protocol = this.#roster.vote();
    this.#roster.elect();
    for (const member of this.members) {
      member.assignment = NO_ASSIGNMENT;
      member.answerJoin(this.#joinResult(member));
    }
    // A member that beats but never syncs must not hold up the others for ever.
    this.#cancelRebalance = this.options.clock.after(this.#longestRebalance(), () => {
      for (const member of this.members) if (!member.isSyncing) this.#roster.forget(member);
      this.#prepareRebalance();
    });
  }

  #assign(assignments: readonly { memberId: string; assignment: Buffer }[]): void {
    this.#endRebalanceTimer();
    for (const { memberId, assignment } of assignments) {
      const member = this.#roster.member(memberId);
      if (member !== undefined) member.assignment = assignment;
    }
    this.#state = 'Stable';
    for (const member of this.members) member.answerSync(this.#syncResult(member));
  }

  #remove(member: GroupMember): void {
    this.#roster.forget(member);
    if (this.#state === 'PreparingRebalance') this.#completeIfAllJoined();
    else this.#prepareRebalance();
  }

  /** The member if it may act in this generation, else why not. */
  #current(
    memberId: string,
    generation: number,
    groupInstanceId: string | null,
  ): GroupMember | ErrorCode {
    if (this.#state === 'Dead') return ErrorCode.COORDINATOR_NOT_AVAILABLE;
    const fenced = this.#roster.fence(memberId, groupInstanceId);
    if (fenced !== undefined) return fenced;
    const member = this.#roster.member(memberId);
    if (member === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
    return generation === this.generation ? member : ErrorCode.ILLEGAL_GENERATION;
  }

  #joinResult(member: GroupMember): JoinResult {
    const protocol = this.#protocol as string;
    const leader = this.#roster.leader as string;
    return {
      errorCode: ErrorCode.NONE,
      memberId: member.id,
      generationId: this.generation,
      protocolType: this.protocolType,
      protocolName: protocol,
      leader,
      skipAssignment: false,
      members:
        member.id !== leader
          ? []
          : this.members.map((one) => ({
              memberId: one.id,
              groupInstanceId: one.facts.groupInstanceId,
              metadata: one.metadataFor(protocol) as Buffer,
            })),
    };
  }

  #syncResult(member: GroupMember): SyncResult {
    return {
      errorCode: ErrorCode.NONE,
      protocolType: this.protocolType,
      protocolName: this.#protocol,
      assignment: member.assignment,
    };
  }

  #longestRebalance(): number {
    return Math.max(0, ...this.members.map(({ facts }) => facts.rebalanceTimeoutMs));
  }

  #endRebalanceTimer(): void {
    this.#cancelRebalance?.();
    this.#cancelRebalance = undefined;
    this.#gathering = false;
  }
}
