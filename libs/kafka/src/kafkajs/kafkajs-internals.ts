// Imported like everything else, so that a bundler patches the copy it bundles.
// @ts-expect-error kafkajs has types for its outside only
import consumerGroupClass from 'kafkajs/src/consumer/consumerGroup.js';
// @ts-expect-error kafkajs has types for its outside only
import requestQueueClass from 'kafkajs/src/network/requestQueue/index.js';

/** What a consumer of ours wants to do at points where kafkajs offers no hook. */
export interface ConsumerHooks {
  /**
   * Before the member gives back its partitions and joins again. Until then its session is kept alive
   * by calling `beat`.
   */
  beforeJoin(beat: () => Promise<unknown>): Promise<void>;
  /** Milliseconds that the next poll may wait for records. */
  pollMs(): number;
  /** Calls `end` when a poll need not wait any longer, until the returned function is called. */
  onInterrupt(end: () => void): () => void;
}

/** Under this key a partition assigner of ours carries the hooks of its consumer. */
export const HOOKS: unique symbol = Symbol('rookery.kafka.hooks');

interface RequestQueue {
  throttleCheckTimeoutId: NodeJS.Timeout | null;
  requestTimeoutIntervalId: NodeJS.Timeout | undefined;
  readonly pending: readonly unknown[];
  readonly throttledUntil: number;
  readonly enforceRequestTimeout: boolean;
  readonly requestTimeout: number;
  readonly inflight: ReadonlyMap<
    number,
    { sentAt: number; requestTimeout: number; timeoutRequest(): void }
  >;
  checkPendingRequests(): void;
  isConnected(): boolean;
  destroy(): void;
}

interface ConsumerGroup {
  readonly assigners: readonly { readonly [HOOKS]?: ConsumerHooks }[];
  /** Made anew whenever the group was joined. */
  readonly offsetManager: object | null;
  maxWaitTime: number;
  heartbeat(options: { interval: number }): Promise<unknown>;
}

type ConsumerGroupMethod = (this: ConsumerGroup, ...args: unknown[]) => Promise<unknown>;

/** Of each batch: whether the group was joined anew since it was asked for. */
const outdated = new WeakMap<object, () => boolean>();

const PATCHED = Symbol.for('rookery.kafka.kafkajs-patched');
const RECHECK_MS = 10;
const TIMEOUT_CHECK_MS = 500;

/**
 * Mends kafkajs 2.2.4 in memory, once per process; its files stay as published. kafkajs is pinned
 * to that version exactly, and the spec beside this file fails should the mended parts move.
 *
 * - The request queue re-arms a timer for ever, on Node 24 with a negative delay that counts as
 *   1 ms: a busy loop on every connection (kafkajs #1751; pull requests 1755 and 1768 are not
 *   merged). Now a timer is set only while a request waits.
 * - Request timeouts are looked for every 100 ms on every connection, idle or not.
 * - A consumer cannot act before its partitions are taken away, cannot end a long poll, and cannot
 *   make one shorter.
 * - When a partition's leader moves, one fetch joins the group again while those to other brokers go
 *   on; what they bring begins where the last generation had read to, not at what it has committed.
 */
export function patchKafkajs(): void {
  const queue = requestQueueClass as { prototype: RequestQueue };
  const group = consumerGroupClass as {
    prototype: Record<'fetch' | 'joinAndSync', ConsumerGroupMethod>;
  };
  const marked = queue.prototype as unknown as Record<symbol, boolean>;
  if (marked[PATCHED] === true) return;
  marked[PATCHED] = true;
  patchRequestQueue(queue.prototype as never);
  patchConsumerGroup(group.prototype);
}

function patchRequestQueue(prototype: Record<string, (this: RequestQueue) => void>): void {
  prototype['scheduleCheckPendingRequests'] = function () {
    if (this.throttleCheckTimeoutId !== null || this.pending.length === 0) return;
    const throttledMs = this.throttledUntil - Date.now();
    // kafkajs compares with the system's time itself.
    // oxlint-disable-next-line no-restricted-globals
    this.throttleCheckTimeoutId = setTimeout(
      () => {
        this.throttleCheckTimeoutId = null;
        this.checkPendingRequests();
      },
      throttledMs > 0 ? throttledMs : RECHECK_MS,
    );
  };
  prototype['scheduleRequestTimeoutCheck'] = function () {
    if (!this.enforceRequestTimeout) return;
    this.destroy();
    this.requestTimeoutIntervalId = setInterval(
      () => {
        const now = Date.now();
        for (const request of this.inflight.values()) {
          if (now - request.sentAt > request.requestTimeout) request.timeoutRequest();
        }
        if (!this.isConnected()) this.destroy();
      },
      Math.min(this.requestTimeout, TIMEOUT_CHECK_MS),
    );
  };
}

function patchConsumerGroup(prototype: Record<'fetch' | 'joinAndSync', ConsumerGroupMethod>): void {
  const { fetch, joinAndSync } = prototype;
  prototype.joinAndSync = async function (...args) {
    await hooksOf(this)?.beforeJoin(() => this.heartbeat({ interval: 0 }));
    return joinAndSync.apply(this, args);
  };
  prototype.fetch = function (...args) {
    const hooks = hooksOf(this);
    const { offsetManager } = this;
    if (hooks !== undefined) this.maxWaitTime = hooks.pollMs();
    const fetching = fetch.apply(this, args);
    if (hooks === undefined) return fetching;
    const isOld = (): boolean => this.offsetManager !== offsetManager;
    const marked = fetching.then((batches) => {
      for (const batch of batches as object[]) outdated.set(batch, isOld);
      return batches;
    });
    return new Promise((resolve, reject) => {
      const unlisten = hooks.onInterrupt(() => resolve([]));
      marked.then(resolve, reject).finally(unlisten);
    });
  };
}

/** Whether a batch was asked for before the group was joined anew: it may leave out records. */
export function isOutdated(batch: object): boolean {
  return outdated.get(batch)?.() ?? false;
}

function hooksOf(group: ConsumerGroup): ConsumerHooks | undefined {
  return group.assigners.find((assigner) => assigner[HOOKS] !== undefined)?.[HOOKS];
}
