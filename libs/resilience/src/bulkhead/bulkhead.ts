import { AbortedError, resolveOptions, systemClock } from '@rookery/core';
import type { EngineContext } from '../engine-context.js';
import { Pipeline } from '../pipeline/pipeline.js';
import type { BulkheadPolicy, Guarded, Waiter } from '../pipeline/policy.js';
import { bulkheadChannel } from '../resilience.channels.js';
import { wheelOf, type TimerWheel, type WheelEntry } from '../timeout/timer-wheel.js';
import { BulkheadFullError } from './bulkhead-full.error.js';
import { bulkheadSchema, type BulkheadConfig, type BulkheadOptions } from './bulkhead.options.js';

/** What a bulkhead is doing, and has done since it was created. */
export interface BulkheadMetrics {
  readonly maxConcurrent: number;
  readonly available: number;
  readonly running: number;
  readonly queued: number;
  readonly rejected: number;
}

/** A waiter's place in the queue and its limit on the wheel. */
class Place implements WheelEntry {
  dueAt = 0;
  previous: WheelEntry | undefined;
  next: WheelEntry | undefined;

  constructor(
    readonly waiter: Waiter,
    private readonly overdue: (waiter: Waiter) => void,
  ) {}

  expire(): void {
    this.overdue(this.waiter);
  }
}

/**
 * Bounds how many calls run side by side, so that one slow dependency cannot take all of a service
 * with it. A place is held until the call really ends, even when nobody waits for it any more.
 */
export class Bulkhead implements BulkheadPolicy {
  readonly kind = 'bulkhead';
  readonly name: string;
  readonly app: string;
  readonly #wheel: TimerWheel;
  readonly #pipeline: Pipeline;
  /** In order of arrival; a Map, so that one who gives up leaves in constant time. */
  readonly #queue = new Map<Waiter, Place>();
  #config!: BulkheadConfig;
  #limit = 0;
  #running = 0;
  #rejected = 0;

  /** @throws InvalidOptionError */
  constructor(options: BulkheadOptions = {}, context: EngineContext = {}) {
    this.name = context.name ?? 'bulkhead';
    this.app = context.app ?? '';
    this.#wheel = wheelOf(context.clock ?? systemClock);
    this.update(options);
    this.#pipeline = new Pipeline([this]);
  }

  /** The options in force. */
  get config(): BulkheadConfig {
    return this.#config;
  }

  get metrics(): BulkheadMetrics {
    return {
      maxConcurrent: this.#config.maxConcurrent,
      available: Math.max(0, this.#config.maxConcurrent - this.#running),
      running: this.#running,
      queued: this.#queue.size,
      rejected: this.#rejected,
    };
  }

  /**
   * Makes the call as soon as there is a place.
   *
   * @throws BulkheadFullError (as a rejection) when there is none in time
   */
  run<T>(fn: Guarded<T>): Promise<T> {
    return this.#pipeline.run(fn);
  }

  /** Takes other options over at once: more places admit waiters, fewer wait for calls to end. */
  update(options: BulkheadOptions): void {
    this.#config = resolveOptions(bulkheadSchema, options, `bulkhead '${this.name}'`);
    this.#limit = this.#config.enabled ? this.#config.maxConcurrent : Infinity;
    while (this.#running < this.#limit && this.#queue.size > 0) this.#admitNext();
  }

  tryEnter(): boolean {
    if (this.#running >= this.#limit || this.#queue.size > 0) return false;
    this.#running++;
    return true;
  }

  enqueue(waiter: Waiter): boolean {
    if (this.#queue.size >= this.#config.maxQueue) return false;
    const place = new Place(waiter, this.#overdue);
    this.#queue.set(waiter, place);
    this.#wheel.add(place, this.#config.maxWait);
    if (bulkheadChannel.hasSubscribers) this.#tell('queued');
    return true;
  }

  dequeue(waiter: Waiter): boolean {
    const place = this.#queue.get(waiter);
    if (place === undefined) return false;
    this.#queue.delete(waiter);
    this.#wheel.remove(place);
    return true;
  }

  leave(): void {
    this.#running--;
    if (this.#queue.size > 0 && this.#running < this.#limit) this.#admitNext();
  }

  refusal(): BulkheadFullError {
    this.#rejected++;
    if (bulkheadChannel.hasSubscribers) this.#tell('rejected');
    return new BulkheadFullError(this.name, this.#config.maxConcurrent);
  }

  /** Refuses all who wait. Calls that run are left to end. */
  close(): void {
    // A Map may be emptied while it is walked.
    for (const waiter of this.#queue.keys()) {
      if (this.dequeue(waiter)) waiter.refused(new AbortedError(`bulkhead '${this.name}'`));
    }
  }

  #admitNext(): void {
    const [waiter] = this.#queue.keys();
    if (waiter === undefined || !this.dequeue(waiter)) return;
    this.#running++;
    waiter.admitted();
  }

  // The wheel has dropped the place by itself when it calls this.
  readonly #overdue = (waiter: Waiter): void => {
    if (this.#queue.delete(waiter)) waiter.refused(this.refusal());
  };

  #tell(kind: 'queued' | 'rejected'): void {
    bulkheadChannel.publish({ app: this.app, name: this.name, kind });
  }
}

/** A bulkhead usable without Nest: `bulkhead({ maxConcurrent: 10 }).run(fn)`. */
export function bulkhead(options: BulkheadOptions = {}, context: EngineContext = {}): Bulkhead {
  return new Bulkhead(options, context);
}
