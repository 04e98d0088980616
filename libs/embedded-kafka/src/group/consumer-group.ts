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
  state: GroupState = 'Empty';
  protocolType: string | null = null;
  protocol: string | null = null;
  readonly #members = new Map<string, GroupMember>();
  /** Ids given out but not joined with yet. */
  readonly #pending = new Map<string, Cancel>();
  readonly #static = new Map<string, string>();
  #leader: string | undefined;
  #cancelRebalance: Cancel | undefined;
  #initialDelay = false;

  constructor(
    readonly id: string,
    private readonly options: GroupOptions,
    public generation = 0,
  ) {}

  get members(): readonly GroupMember[] {
    return [...this.#members.values()];
  }

  /** Whether nobody is a member or about to become one. */
  get isEmpty(): boolean {
    return this.#members.size === 0 && this.#pending.size === 0;
  }

  /** Joins; resolves when the rebalance is complete. */
  async join(request: JoinRequest): Promise<JoinResult> {
    const { memberId } = request;
    if (this.state === 'Dead') {
      return joinFailure(ErrorCode.COORDINATOR_NOT_AVAILABLE, memberId);
    }
    if (!this.#fits(request)) {
      return joinFailure(ErrorCode.INCONSISTENT_GROUP_PROTOCOL, memberId);
    }
    if (memberId === '') return this.#joinAsNew(request);
    if (this.#pending.has(memberId)) {
      this.#forgetPending(memberId);
      return this.#add(memberId, request);
    }
    const member = this.#members.get(memberId);
    const fenced = this.#fence(memberId, request.groupInstanceId);
    if (fenced !== undefined) return joinFailure(fenced, memberId);
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
    const refused = this.#refusal(memberId, generation, groupInstanceId);
    if (refused !== undefined) return syncFailure(refused);
    const differs =
      (expected.protocolType !== null && expected.protocolType !== this.protocolType) ||
      (expected.protocolName !== null && expected.protocolName !== this.protocol);
    if (differs) return syncFailure(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
    const member = this.#members.get(memberId) as GroupMember;
    if (this.state === 'PreparingRebalance') return syncFailure(ErrorCode.REBALANCE_IN_PROGRESS);
    if (this.state === 'Stable') {
      member.beat();
      return this.#syncResult(member);
    }
    const answer = member.awaitSync();
    if (memberId === this.#leader) this.#assign(assignments);
    return answer;
  }

  heartbeat(memberId: string, generation: number, groupInstanceId: string | null): ErrorCode {
    const refused = this.#refusal(memberId, generation, groupInstanceId);
    if (refused !== undefined) return refused;
    const member = this.#members.get(memberId) as GroupMember;
    if (!member.isJoining && !member.isSyncing) member.beat();
    return this.state === 'PreparingRebalance' ? ErrorCode.REBALANCE_IN_PROGRESS : ErrorCode.NONE;
  }

  /** Leaves, by member id or, with an empty one, by static instance id. */
  leave(memberId: string, groupInstanceId: string | null): ErrorCode {
    const id =
      memberId === '' && groupInstanceId !== null
        ? (this.#static.get(groupInstanceId) ?? '')
        : memberId;
    if (this.#pending.has(id)) {
      this.#forgetPending(id);
      this.#completeIfAllJoined();
      return ErrorCode.NONE;
    }
    const fenced = this.#fence(id, groupInstanceId);
    if (fenced !== undefined) return fenced;
    const member = this.#members.get(id);
    if (member === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
    this.#remove(member);
    return ErrorCode.NONE;
  }

  /** Whether an offset commit may be stored. A generation below 0 comes from outside the group. */
  checkCommit(memberId: string, generation: number, groupInstanceId: string | null): ErrorCode {
    if (generation < 0 && memberId === '' && this.#members.size === 0) return ErrorCode.NONE;
    const refused = this.#refusal(memberId, generation, groupInstanceId);
    if (refused !== undefined) return refused;
    const member = this.#members.get(memberId) as GroupMember;
    if (!member.isJoining && !member.isSyncing) member.beat();
    return this.state === 'CompletingRebalance' ? ErrorCode.REBALANCE_IN_PROGRESS : ErrorCode.NONE;
  }

  /** Ends the group: all who wait are told, all timers released. */
  close(): void {
    this.state = 'Dead';
    this.#endRebalanceTimer();
    for (const cancel of this.#pending.values()) cancel();
    this.#pending.clear();
    for (const member of this.#members.values()) {
      member.dismiss(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    }
    this.#members.clear();
    this.#static.clear();
  }

  #joinAsNew(request: JoinRequest): JoinResult | Promise<JoinResult> {
    const { groupInstanceId } = request;
    const id = `${groupInstanceId ?? request.clientId}-${randomUUID()}`;
    const replaced = groupInstanceId === null ? undefined : this.#static.get(groupInstanceId);
    if (replaced !== undefined) return this.#replaceStatic(replaced, id, request);
    if (this.#members.size + this.#pending.size >= this.options.maxMembers) {
      return joinFailure(ErrorCode.GROUP_MAX_SIZE_REACHED, '');
    }
    if (request.requiresKnownId && groupInstanceId === null) {
      this.#pending.set(
        id,
        this.options.clock.after(request.sessionTimeoutMs, () => {
          this.#pending.delete(id);
          this.#completeIfAllJoined();
        }),
      );
      return joinFailure(ErrorCode.MEMBER_ID_REQUIRED, id);
    }
    return this.#add(id, request);
  }

  #add(id: string, request: JoinRequest): Promise<JoinResult> {
    const member = new GroupMember(id, request, this.options.clock, (one) => this.#remove(one));
    if (this.#members.size === 0) this.protocolType = request.protocolType;
    this.#members.set(id, member);
    if (request.groupInstanceId !== null) this.#static.set(request.groupInstanceId, id);
    this.#leader ??= id;
    return this.#rebalanceFor(member);
  }

  #rejoin(member: GroupMember, request: JoinRequest): JoinResult | Promise<JoinResult> {
    const unchanged = member.knows(request.protocols);
    member.facts = request;
    // A repeated request whose answer was lost gets it again without disturbing the others.
    const repeats =
      unchanged &&
      (this.state === 'CompletingRebalance' ||
        (this.state === 'Stable' && member.id !== this.#leader));
    if (!repeats) return this.#rebalanceFor(member);
    member.beat();
    return this.#joinResult(member);
  }

  /** A static member that restarted takes over its former place (KIP-345). */
  #replaceStatic(
    oldId: string,
    newId: string,
    request: JoinRequest,
  ): JoinResult | Promise<JoinResult> {
    const old = this.#members.get(oldId) as GroupMember;
    const unchanged = old.knows(request.protocols);
    const member = new GroupMember(newId, request, this.options.clock, (one) => this.#remove(one));
    member.assignment = old.assignment;
    old.dismiss(ErrorCode.FENCED_INSTANCE_ID);
    this.#members.delete(oldId);
    this.#members.set(newId, member);
    this.#static.set(request.groupInstanceId as string, newId);
    const wasLeader = this.#leader === oldId;
    if (wasLeader) this.#leader = newId;
    if (this.state !== 'Stable' || !unchanged) return this.#rebalanceFor(member);
    member.beat();
    return { ...this.#joinResult(member), skipAssignment: wasLeader };
  }

  #rebalanceFor(member: GroupMember): Promise<JoinResult> {
    const answer = member.awaitJoin();
    if (this.state !== 'PreparingRebalance') this.#prepareRebalance();
    else this.#completeIfAllJoined();
    return answer;
  }

  #prepareRebalance(): void {
    const wasEmpty = this.state === 'Empty';
    for (const member of this.#members.values()) {
      member.failSync(ErrorCode.REBALANCE_IN_PROGRESS);
    }
    this.state = 'PreparingRebalance';
    this.#endRebalanceTimer();
    const { clock, initialRebalanceDelay } = this.options;
    if (wasEmpty && initialRebalanceDelay > 0) {
      this.#initialDelay = true;
      this.#cancelRebalance = clock.after(initialRebalanceDelay, () => {
        this.#initialDelay = false;
        this.#waitForJoins();
      });
      return;
    }
    this.#waitForJoins();
  }

  #waitForJoins(): void {
    const longest = Math.max(0, ...this.members.map(({ facts }) => facts.rebalanceTimeoutMs));
    this.#cancelRebalance = this.options.clock.after(longest, () => {
      for (const cancel of this.#pending.values()) cancel();
      this.#pending.clear();
      for (const member of this.members) if (!member.isJoining) this.#forget(member);
      this.#beginGeneration();
    });
    this.#completeIfAllJoined();
  }

  #completeIfAllJoined(): void {
    if (this.state !== 'PreparingRebalance' || this.#initialDelay || this.#pending.size > 0) return;
    if (this.members.every(({ isJoining }) => isJoining)) this.#beginGeneration();
  }

  #beginGeneration(): void {
    this.#endRebalanceTimer();
    this.generation++;
    if (this.#members.size === 0) {
      this.state = 'Empty';
      this.protocol = null;
      this.#leader = undefined;
      this.options.onGeneration?.(this.generation, this.protocolType);
      return;
    }
    this.state = 'CompletingRebalance';
    this.protocol = this.#vote();
    if (this.#leader === undefined || !this.#members.has(this.#leader)) {
      this.#leader = this.#members.keys().next().value;
    }
    this.options.onGeneration?.(this.generation, this.protocolType);
    for (const member of this.members) {
      member.assignment = NO_ASSIGNMENT;
      member.answerJoin(this.#joinResult(member));
    }
    // A member that beats but never syncs must not hold up the others for ever.
    const longest = Math.max(...this.members.map(({ facts }) => facts.rebalanceTimeoutMs));
    this.#cancelRebalance = this.options.clock.after(longest, () => {
      for (const member of this.members) if (!member.isSyncing) this.#forget(member);
      this.#prepareRebalance();
    });
  }

  #assign(assignments: readonly { memberId: string; assignment: Buffer }[]): void {
    this.#endRebalanceTimer();
    for (const { memberId, assignment } of assignments) {
      const member = this.#members.get(memberId);
      if (member !== undefined) member.assignment = assignment;
    }
    this.state = 'Stable';
    for (const member of this.members) member.answerSync(this.#syncResult(member));
  }

  #remove(member: GroupMember): void {
    this.#forget(member);
    if (this.state === 'PreparingRebalance') this.#completeIfAllJoined();
    else if (this.state !== 'Dead') this.#prepareRebalance();
  }

  #forget(member: GroupMember): void {
    this.#members.delete(member.id);
    const { groupInstanceId } = member.facts;
    if (groupInstanceId !== null) this.#static.delete(groupInstanceId);
    if (this.#leader === member.id) this.#leader = undefined;
    member.dismiss(ErrorCode.UNKNOWN_MEMBER_ID);
  }

  #forgetPending(id: string): void {
    this.#pending.get(id)?.();
    this.#pending.delete(id);
  }

  /** The type and at least one protocol must be shared by all members. */
  #fits(request: JoinRequest): boolean {
    if (request.protocolType === '' || request.protocols.length === 0) return false;
    const others = this.members.filter(({ id }) => id !== request.memberId);
    if (others.length === 0) return true;
    return (
      request.protocolType === this.protocolType &&
      request.protocols.some(({ name }) =>
        others.every((member) => member.metadataFor(name) !== undefined),
      )
    );
  }

  /** Each member votes for the first of its protocols that all know. */
  #vote(): string {
    const members = this.members;
    const votes = new Map<string, number>();
    for (const { facts } of members) {
      const choice = facts.protocols.find(({ name }) =>
        members.every((member) => member.metadataFor(name) !== undefined),
      );
      if (choice !== undefined) votes.set(choice.name, (votes.get(choice.name) ?? 0) + 1);
    }
    return [...votes].reduce((best, one) => (one[1] > best[1] ? one : best))[0];
  }

  #refusal(
    memberId: string,
    generation: number,
    groupInstanceId: string | null,
  ): ErrorCode | undefined {
    if (this.state === 'Dead') return ErrorCode.COORDINATOR_NOT_AVAILABLE;
    const fenced = this.#fence(memberId, groupInstanceId);
    if (fenced !== undefined) return fenced;
    if (!this.#members.has(memberId)) return ErrorCode.UNKNOWN_MEMBER_ID;
    return generation === this.generation ? undefined : ErrorCode.ILLEGAL_GENERATION;
  }

  #fence(memberId: string, groupInstanceId: string | null): ErrorCode | undefined {
    if (groupInstanceId === null) return undefined;
    const current = this.#static.get(groupInstanceId);
    if (current === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
    return current === memberId ? undefined : ErrorCode.FENCED_INSTANCE_ID;
  }

  #joinResult(member: GroupMember): JoinResult {
    const protocol = this.protocol as string;
    return {
      errorCode: ErrorCode.NONE,
      memberId: member.id,
      generationId: this.generation,
      protocolType: this.protocolType,
      protocolName: protocol,
      leader: this.#leader as string,
      skipAssignment: false,
      members:
        member.id === this.#leader
          ? this.members.map((one) => ({
              memberId: one.id,
              groupInstanceId: one.facts.groupInstanceId,
              metadata: one.metadataFor(protocol) as Buffer,
            }))
          : [],
    };
  }

  #syncResult(member: GroupMember): SyncResult {
    return {
      errorCode: ErrorCode.NONE,
      protocolType: this.protocolType,
      protocolName: this.protocol,
      assignment: member.assignment,
    };
  }

  #endRebalanceTimer(): void {
    this.#cancelRebalance?.();
    this.#cancelRebalance = undefined;
    this.#initialDelay = false;
  }
}
