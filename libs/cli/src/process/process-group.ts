import type { Clock } from '@rookery/core';
import type { ManagedProcess } from './managed-process.js';

/** Processes that others wait for, or that wait for others, as one. */
export interface GroupMember {
  /** The app, or the part of the infrastructure. */
  readonly name: string;
  /** Members that must be ready before. Only those of the same group count. */
  readonly waitsFor: readonly string[];
  readonly processes: readonly ManagedProcess[];
}

/** Time kept for each member that is yet to stop, however slow those before it were. */
const RESERVE_MS = 300;

/** Starts processes in the order of their dependencies and stops them in the reverse. */
export class ProcessGroup {
  readonly #ready = new Map<string, Promise<void>>();
  #stopping = false;

  constructor(
    readonly members: readonly GroupMember[],
    private readonly clock: Clock,
  ) {}

  /** All processes, in the order of the members. */
  get processes(): ManagedProcess[] {
    return this.members.flatMap((member) => member.processes);
  }

  /**
   * Starts each member once all it waits for are ready; resolves when all have been ready. A
   * process that crashes is started again, so this may wait as long as somebody needs to mend it.
   */
  async start(): Promise<void> {
    await Promise.all(this.members.map((member) => this.#start(member)));
  }

  /** Stops all, those that nobody waits for first, within `budgetMs`; the slow ones are killed. */
  async stop(budgetMs: number): Promise<void> {
    this.#stopping = true;
    const end = this.clock.monotonic() + budgetMs;
    const levels = this.#levels();
    while (levels.length > 0) {
      const level = levels.pop() ?? [];
      const left = end - this.clock.monotonic() - levels.length * RESERVE_MS;
      const grace = Math.max(left, RESERVE_MS);
      const processes = level.flatMap((member) => member.processes);
      await Promise.all(processes.map((process) => process.stop(grace)));
    }
  }

  /** Ends all at once. */
  kill(): void {
    this.#stopping = true;
    this.processes.forEach((process) => process.kill());
  }

  #start(member: GroupMember): Promise<void> {
    const known = this.#ready.get(member.name);
    if (known !== undefined) return known;
    const ready = Promise.all(this.#before(member).map((other) => this.#start(other))).then(() => {
      if (!this.#stopping) member.processes.forEach((process) => process.start());
      return Promise.all(member.processes.map((process) => process.firstReady));
    });
    const done = ready.then(() => undefined);
    this.#ready.set(member.name, done);
    return done;
  }

  #before(member: GroupMember): GroupMember[] {
    return this.members.filter((other) => member.waitsFor.includes(other.name));
  }

  /** Members by the length of the longest chain before them. */
  #levels(): GroupMember[][] {
    const depths = new Map<GroupMember, number>();
    const depth = (member: GroupMember): number => {
      const known = depths.get(member);
      if (known !== undefined) return known;
      const found = 1 + Math.max(-1, ...this.#before(member).map(depth));
      depths.set(member, found);
      return found;
    };
    const levels: GroupMember[][] = [];
    for (const member of this.members) (levels[depth(member)] ??= []).push(member);
    return levels;
  }
}
