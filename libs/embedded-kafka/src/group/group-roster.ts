import type { Cancel, Clock } from '@rookery/core';
import { ErrorCode } from '../protocol/error-code.js';
import type { GroupMember, MemberProtocol } from './group-member.js';

/** Who belongs to a group: members, their leader, static ids, and ids not joined with yet. */
export class GroupRoster {
  leader: string | undefined;
  readonly #members = new Map<string, GroupMember>();
  readonly #pending = new Map<string, Cancel>();
  /** Member id of each static instance id (KIP-345). */
  readonly #static = new Map<string, string>();

  constructor(private readonly clock: Clock) {}

  get members(): readonly GroupMember[] {
    return [...this.#members.values()];
  }

  /** Members, those announced included. */
  get size(): number {
    return this.#members.size + this.#pending.size;
  }

  /** Whether ids were given out that nobody has joined with yet. */
  get awaitsAnnounced(): boolean {
    return this.#pending.size > 0;
  }

  member(id: string): GroupMember | undefined {
    return this.#members.get(id);
  }

  /** The member id that a static instance has now. */
  staticMember(groupInstanceId: string | null): string | undefined {
    return groupInstanceId === null ? undefined : this.#static.get(groupInstanceId);
  }

  add(member: GroupMember): void {
    const { groupInstanceId } = member.facts;
    this.#members.set(member.id, member);
    if (groupInstanceId !== null) this.#static.set(groupInstanceId, member.id);
    this.leader ??= member.id;
  }

  /** Removes a member and answers whatever it waits for. */
  forget(member: GroupMember, errorCode: ErrorCode = ErrorCode.UNKNOWN_MEMBER_ID): void {
    this.#members.delete(member.id);
    const { groupInstanceId } = member.facts;
    if (groupInstanceId !== null) this.#static.delete(groupInstanceId);
    if (this.leader === member.id) this.leader = undefined;
    member.dismiss(errorCode);
  }

  /** Gives out an id that is to be joined with within `ms`. */
  announce(id: string, ms: number, onExpire: () => void): void {
    const cancel = this.clock.after(ms, () => {
      this.#pending.delete(id);
      onExpire();
    });
    this.#pending.set(id, cancel);
  }

  /** Whether the id was given out and not joined with; it is taken back thereby. */
  withdraw(id: string): boolean {
    this.#pending.get(id)?.();
    return this.#pending.delete(id);
  }

  withdrawAll(): void {
    for (const id of this.#pending.keys()) this.withdraw(id);
  }

  /** Why a member may not act under a static instance id, if so. */
  fence(memberId: string, groupInstanceId: string | null): ErrorCode | undefined {
    if (groupInstanceId === null) return undefined;
    const current = this.#static.get(groupInstanceId);
    if (current === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
    return current === memberId ? undefined : ErrorCode.FENCED_INSTANCE_ID;
  }

  /** Keeps the leader if it is still there, else the oldest member leads. */
  elect(): string {
    if (this.leader === undefined || !this.#members.has(this.leader)) {
      this.leader = this.#members.keys().next().value;
    }
    return this.leader as string;
  }

  /** Whether a joiner's protocols include one that all other members know. */
  shares(protocols: readonly MemberProtocol[], joiner: string): boolean {
    const others = this.members.filter(({ id }) => id !== joiner);
    return protocols.some(({ name }) => knownToAll(others, name));
  }

  /** The protocol most members prefer among those all know. */
  vote(): string {
    const members = this.members;
    const votes = new Map<string, number>();
    for (const { facts } of members) {
      const choice = facts.protocols.find(({ name }) => knownToAll(members, name));
      if (choice !== undefined) votes.set(choice.name, (votes.get(choice.name) ?? 0) + 1);
    }
    return [...votes].reduce((best, one) => (one[1] > best[1] ? one : best))[0];
  }
}

function knownToAll(members: readonly GroupMember[], protocol: string): boolean {
  return members.every((member) => member.metadataFor(protocol) !== undefined);
}
