import type { CommandContract, ReplyContract } from '@rookery/messaging';
import { VirtualClock } from '@rookery/core/testing';
import type { SagaDefinition } from '../definition/saga-definition.js';
import { SagaEngine } from '../engine/saga-engine.js';
import type { IncomingReply, OutgoingCommand, SagaTransport } from '../engine/saga-ports.js';
import { MemorySagaStore } from '../store/memory-saga-store.js';

/** What a participant answers. */
export interface Answer {
  readonly contract: ReplyContract;
  readonly data: unknown;
}

/** A service that does commands; each id once, as an inbox would have it, which answers it again. */
export type Participant = (command: CommandContract, data: unknown) => Answer;

/**
 * Sagas with all that surrounds them in memory: a store, participants, and the messages between,
 * which travel when told to. Nothing happens by itself, so a spec decides on every order.
 */
export class SagaWorld {
  readonly clock = new VirtualClock();
  readonly store = new MemorySagaStore();
  readonly engine: SagaEngine;
  /** Commands on their way, per participant in the order sent. */
  readonly commands = new Map<string, OutgoingCommand[]>();
  /** Replies on their way, per participant in the order given. */
  readonly replies = new Map<string, IncomingReply[]>();
  readonly #done = new Map<string, Answer>();

  constructor(
    definition: SagaDefinition,
    private readonly participant: Participant,
  ) {
    this.engine = new SagaEngine({
      app: 'spec',
      definitions: [definition],
      store: this.store,
      transport: this.#transport(),
      tracer: { capture: () => ({}), within: (_, fn) => fn() },
      clock: this.clock,
      random: () => 0.5,
    });
  }

  /** Those who have a command or a reply waiting. */
  pending(queues: ReadonlyMap<string, readonly unknown[]>): string[] {
    return [...queues].filter(([, queue]) => queue.length > 0).map(([owner]) => owner);
  }

  /**
   * Lets a participant do its next command, or the one at a later place. `keep` delivers a copy: it
   * will come again.
   */
  deliver(owner: string, keep = false, place = 0): void {
    const queue = this.commands.get(owner) ?? [];
    const command = queue[place];
    if (command === undefined) return;
    if (!keep) queue.splice(place, 1);
    const answer = this.#done.get(command.id) ?? this.participant(command.command, command.data);
    this.#done.set(command.id, answer);
    const replies = this.replies.get(owner) ?? [];
    this.replies.set(owner, replies);
    replies.push({ sagaId: command.sagaId, inReplyTo: command.id, ...answer });
  }

  /** Hands the next reply of a participant, or a later one, to the saga. `keep` delivers a copy. */
  async answer(owner: string, keep = false, place = 0): Promise<void> {
    const queue = this.replies.get(owner) ?? [];
    const reply = queue[place];
    if (reply === undefined) return;
    if (!keep) queue.splice(place, 1);
    await this.engine.reply(reply);
  }

  /** Drops the next reply of a participant for ever. */
  lose(owner: string): void {
    this.replies.get(owner)?.shift();
  }

  /** Moves time to the next timer and works off what is due. False when there is no timer. */
  async pass(): Promise<boolean> {
    const due = await this.engine.nextDue();
    if (due === undefined) return false;
    await this.clock.advance(Math.max(0, due - this.clock.now()));
    await this.engine.runDue();
    return true;
  }

  /** Delivers everything until nothing is on its way, without letting time pass. */
  async drain(): Promise<void> {
    for (;;) {
      const [to] = this.pending(this.commands);
      const [from] = this.pending(this.replies);
      if (to !== undefined) this.deliver(to);
      else if (from !== undefined) await this.answer(from);
      else return;
    }
  }

  #transport(): SagaTransport {
    return {
      send: async (command) => {
        this.store.afterCommit(() => {
          const { owner } = command.command;
          const queue = this.commands.get(owner) ?? [];
          this.commands.set(owner, queue);
          queue.push(command);
        });
      },
    };
  }
}
