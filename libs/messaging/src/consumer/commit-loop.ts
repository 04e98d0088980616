import type { Cancel, Clock } from '@rookery/core';
import { CommitFencedError, reasonOf, type KafkaConsumer, type KafkaLog } from '@rookery/kafka';
import type { PartitionSession } from './partition-session.js';

/** Commits what partitions have finished: some time after something has, and when told to. */
export class CommitLoop {
  #timer: Cancel | undefined;
  #committing: Promise<void> = Promise.resolve();

  constructor(
    private readonly consumer: KafkaConsumer,
    private readonly sessions: () => Iterable<PartitionSession>,
    private readonly intervalMs: number,
    private readonly parts: { readonly clock: Clock; readonly log: KafkaLog },
  ) {}

  /** Something was finished. */
  schedule(): void {
    this.#timer ??= this.parts.clock.after(this.intervalMs, () => {
      this.#timer = undefined;
      void this.commit([...this.sessions()].filter(({ stopped }) => !stopped));
    });
  }

  /** Commits now, after a commit that is under way. */
  commit(sessions: readonly PartitionSession[]): Promise<void> {
    this.#committing = this.#committing.then(() => this.#commit(sessions));
    return this.#committing;
  }

  stop(): void {
    this.#timer?.();
    this.#timer = undefined;
  }

  async #commit(sessions: readonly PartitionSession[]): Promise<void> {
    const due = sessions.flatMap((session) => {
      const offset = session.uncommitted;
      return offset === undefined ? [] : [{ session, offset }];
    });
    if (due.length === 0) return;
    try {
      await this.consumer.commit(due.map(({ session, offset }) => ({ ...session.at, offset })));
      for (const { session, offset } of due) session.committed = offset;
    } catch (error) {
      // Not committed means delivered again, and then found in the inbox: no harm done.
      if (error instanceof CommitFencedError) return;
      this.parts.log('info', `offsets could not be committed (${reasonOf(error)})`);
      if (due.some(({ session }) => !session.stopped)) this.schedule();
    }
  }
}
