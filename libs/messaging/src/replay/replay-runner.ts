import { backoffDelay, type Clock, type Random } from '@rookery/core';
import { reasonOf, type KafkaLog } from '@rookery/kafka';
import {
  MessageChangedError,
  MessageInUseError,
  MessageNotFirstError,
  MessageNotFoundError,
  NoHandlerError,
} from '../messaging.errors.js';
import { Doorbell } from '../outbox/doorbell.js';
import type { FailedMessages } from '../parking/failed-messages.js';
import type { FailureRows } from '../parking/failure-rows.js';
import type { LeasedJob, ReplayJobs, Step } from './replay-jobs.js';
import type { Replayer } from './replayer.js';

/** What a {@link ReplayRunner} needs. */
export interface ReplayRunnerParts {
  readonly jobs: ReplayJobs;
  readonly rows: Pick<FailureRows, 'next'>;
  readonly failures: Pick<FailedMessages, 'due' | 'untilDue'>;
  readonly replayer: Pick<Replayer, 'replay' | 'replayKey'>;
  /** Under which names messages may have failed here. */
  readonly names: () => readonly string[];
  /** Consumers that try parked messages by themselves. */
  readonly retrying: () => readonly string[];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: KafkaLog;
}

/** How often it looks for jobs that others have left. */
const POLL_MS = 5_000;
/** Pause before messages that are due: one whose key is in use stays due. */
const DUE_MS = 100;
const LEASE_MS = 60_000;
const DUE_BATCH = 50;
const BACKOFF = { initialMs: 500, maxMs: 30_000 };

/** Works on replays of many messages, and tries parked messages by themselves when they are due. */
export class ReplayRunner {
  readonly #stopped = new AbortController();
  readonly #doorbell: Doorbell;
  #loop: Promise<void> | undefined;

  constructor(private readonly parts: ReplayRunnerParts) {
    this.#doorbell = new Doorbell(parts.clock);
  }

  start(): void {
    this.#loop ??= this.#run();
  }

  /** Ends after the message that is being handled. */
  async stop(): Promise<void> {
    this.#stopped.abort(new Error('the service stops'));
    this.#doorbell.ring();
    await this.#loop;
  }

  /** There is a new job. */
  readonly wake = (): void => this.#doorbell.ring();

  async #run(): Promise<void> {
    const { random, log } = this.parts;
    let failures = 0;
    while (!this.#stopped.signal.aborted) {
      let pause = POLL_MS;
      try {
        pause = await this.#retryDue();
        const job = await this.parts.jobs.lease(LEASE_MS);
        if (job !== undefined) {
          await this.#work(job);
          pause = 0;
        }
        failures = 0;
      } catch (error) {
        failures += 1;
        pause = backoffDelay(failures, BACKOFF, random);
        if (failures === 1 && !this.#stopped.signal.aborted) {
          log('warn', `replays wait (${reasonOf(error)}); trying again`, { err: error });
        }
      }
      if (pause > 0) await this.#doorbell.wait(pause);
    }
  }

  /** Returns the pause until more is due. */
  async #retryDue(): Promise<number> {
    const consumers = this.parts.retrying();
    if (consumers.length === 0) return POLL_MS;
    const { signal } = this.#stopped;
    for (const id of await this.parts.failures.due(consumers, DUE_BATCH)) {
      if (signal.aborted) break;
      try {
        await this.parts.replayer.replayKey(id, {
          actor: 'retry',
          reason: 'it was due',
          action: 'retry',
          signal,
        });
      } catch (error) {
        if (!isInTheWay(error)) throw error;
      }
    }
    const wait = (await this.parts.failures.untilDue(consumers)) ?? POLL_MS;
    return Math.min(POLL_MS, Math.max(DUE_MS, wait));
  }

  async #work(job: LeasedJob): Promise<void> {
    const { jobs, rows, clock, names, log } = this.parts;
    const { signal } = this.#stopped;
    const pauseMs = 1_000 / job.perSecond;
    let { position } = job;
    let due = clock.monotonic();
    try {
      for (;;) {
        const next = await rows.next(job.filter, names(), position, job.upTo);
        if (next === undefined) break;
        const step = await this.#step(next, job);
        if (!(await jobs.advance({ id: job.id, position }, next, step, LEASE_MS))) return;
        position = next;
        due = Math.max(due, clock.monotonic() - 1_000) + pauseMs;
        const rest = due - clock.monotonic();
        if (rest > 1) await clock.sleep(rest, signal);
        signal.throwIfAborted();
      }
    } catch (error) {
      await jobs.release(job.id, false).catch(() => undefined);
      throw error;
    }
    await jobs.release(job.id, true);
    log('info', `replay ${job.id} is done`, { job: job.id });
  }

  async #step(id: string, { id: jobId, actor, reason }: LeasedJob): Promise<Step> {
    const call = { actor, reason, jobId, signal: this.#stopped.signal };
    try {
      const { outcome } = await this.parts.replayer.replay(id, call);
      return outcome === 'failed' ? 'failed' : 'replayed';
    } catch (error) {
      if (isInTheWay(error)) return 'skipped';
      throw error;
    }
  }
}

/** Something that concerns one message, and not the database. */
function isInTheWay(error: unknown): boolean {
  return (
    error instanceof MessageInUseError ||
    error instanceof MessageNotFirstError ||
    error instanceof MessageChangedError ||
    error instanceof MessageNotFoundError ||
    error instanceof NoHandlerError
  );
}
