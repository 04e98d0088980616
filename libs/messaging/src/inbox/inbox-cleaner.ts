import type { Clock, Random } from '@rookery/core';
import { reasonOf, type KafkaLog } from '@rookery/kafka';
import type { Inbox } from './inbox.js';

const EVERY_MS = 3_600_000;

/** Has the inbox forget what is too old, every hour. Several instances may do so at once. */
export class InboxCleaner {
  readonly #stopped = new AbortController();
  #loop: Promise<void> | undefined;

  constructor(
    private readonly inbox: Pick<Inbox, 'forgetOlderThan'>,
    private readonly retentionMs: number,
    private readonly parts: { clock: Clock; random: Random; log: KafkaLog },
  ) {}

  start(): void {
    this.#loop ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#loop;
  }

  async #run(): Promise<void> {
    const { clock, random, log } = this.parts;
    const { signal } = this.#stopped;
    for (;;) {
      try {
        // By chance within the hour, so that instances do not all clean at the same time.
        await clock.sleep(EVERY_MS * (0.5 + random()), signal);
      } catch {
        return;
      }
      try {
        const forgotten = await this.inbox.forgetOlderThan(this.retentionMs, signal);
        if (forgotten > 0) log('debug', `the inbox forgot ${forgotten} messages`);
      } catch (error) {
        log('warn', `the inbox could not be cleaned (${reasonOf(error)}); trying again in an hour`);
      }
    }
  }
}
