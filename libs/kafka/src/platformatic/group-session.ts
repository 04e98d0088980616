import { AbortedError, type Cancel, type Clock } from '@rookery/core';
import type { DriverOptions } from '../driver/driver.options.js';
import type {
  ConsumerListener,
  ConsumerOptions,
  TopicPartition,
  TopicPartitionOffset,
} from '../driver/kafka-driver.js';
import { ClusterMap } from './cluster-map.js';
import { GroupCoordinator } from './group-coordinator.js';
import { GroupMembership } from './group-membership.js';
import { PartitionReader } from './partition-reader.js';
import { PlatformaticClient } from './platformatic-client.js';
import { COORDINATOR_AWAY, FENCES, isOutage, isRefusal } from './platformatic-errors.js';

/** How often the member that deals out partitions looks for new ones. */
const LOOK_FOR_PARTITIONS_MS = 30_000;
const LOOK_FOR_TOPICS_MS = 1_000;
const REJOIN_PAUSE_MS = 100;

/** What a {@link GroupSession} needs. */
export interface GroupSessionParts {
  readonly settings: DriverOptions;
  readonly clock: Clock;
  readonly listener: ConsumerListener;
  /** Partitions were assigned; it reads. */
  readonly onRunning: () => void;
  /** A heartbeat found no broker; undefined once one has again. */
  readonly onTrouble: (error: unknown) => void;
}

/**
 * One life of a group member, from its first join to its end: joins, reads, beats, gives back and
 * joins again. Ends with an error when only a new start can help.
 */
export class GroupSession {
  readonly #client: PlatformaticClient;
  readonly #pollClients: readonly [PlatformaticClient, PlatformaticClient];
  readonly #coordinator: GroupCoordinator;
  readonly #membership: GroupMembership;
  readonly #reader: PartitionReader;
  readonly #ended = new AbortController();
  #assigned: readonly TopicPartition[] = [];
  #closed = false;
  #nextLook = 0;

  constructor(
    private readonly options: ConsumerOptions,
    private readonly parts: GroupSessionParts,
  ) {
    const { settings, clock, listener } = parts;
    const { rebalanceTimeoutMs, requestTimeoutMs, maxWaitMs } = settings;
    // A join is answered only when all members have come, or their time is up.
    this.#client = new PlatformaticClient(settings, rebalanceTimeoutMs + requestTimeoutMs);
    const poll = (): PlatformaticClient =>
      new PlatformaticClient(settings, maxWaitMs + requestTimeoutMs);
    this.#pollClients = [poll(), poll()];
    this.#coordinator = new GroupCoordinator(this.#client, options.group);
    this.#membership = new GroupMembership(
      options,
      settings,
      this.#coordinator,
      new ClusterMap(this.#client, true),
    );
    this.#reader = new PartitionReader({
      client: this.#client,
      polls: this.#pollClients[0],
      express: this.#pollClients[1],
      settings,
      startFrom: options.startFrom ?? 'earliest',
      clock,
      deliver: (batch) => listener.onRecords(batch),
      fail: (error) => this.#ended.abort(error),
    });
  }

  get reader(): PartitionReader {
    return this.#reader;
  }

  get assigned(): readonly TopicPartition[] {
    return this.#assigned;
  }

  /** @throws BrokerRefusal when the group has moved on */
  async commit(positions: readonly TopicPartitionOffset[]): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      try {
        await this.#membership.commit(positions);
        return;
      } catch (error) {
        if (isRefusal(error, COORDINATOR_AWAY) || isOutage(error)) this.#coordinator.forget();
        if (!isRefusal(error, COORDINATOR_AWAY) || tries === 5) throw error;
      }
      await this.parts.clock.sleep(REJOIN_PAUSE_MS);
    }
  }

  /** Leaves the group, which takes one request, and cuts all connections. */
  async close(leave: boolean): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#ended.abort(new AbortedError('group session'));
    this.#assigned = [];
    this.#reader.stop();
    for (const client of this.#pollClients) client.cut();
    if (leave) await this.#leave();
    this.#client.cut();
  }

  /** Resolves some time after it was closed. */
  async run(): Promise<void> {
    try {
      for (;;) {
        const assigned = await this.#join();
        const offsets = await this.#coordinator.committed(assigned);
        await this.#reader.assign(assigned, offsets);
        if (this.#closed) return;
        this.#assigned = assigned;
        this.parts.onRunning();
        this.parts.listener.onAssigned(assigned);
        this.#reader.begin();
        await this.#beatUntilRebalance();
        this.#reader.clear();
        await this.#giveBack();
        if (this.#closed) return;
      }
    } catch (error) {
      if (this.#closed) return;
      throw error;
    }
  }

  async #join(): Promise<readonly TopicPartition[]> {
    for (;;) {
      this.#check();
      try {
        return await this.#membership.join();
      } catch (error) {
        if (isRefusal(error, COORDINATOR_AWAY)) this.#coordinator.forget();
        else if (!isRefusal(error, FENCES) || error.reason === 'FENCED_INSTANCE_ID') throw error;
      }
      await this.parts.clock.sleep(REJOIN_PAUSE_MS, this.#ended.signal);
    }
  }

  async #beatUntilRebalance(): Promise<void> {
    const { clock, settings } = this.parts;
    let heard = clock.monotonic();
    this.#nextLook = heard + LOOK_FOR_TOPICS_MS;
    for (;;) {
      await clock.sleep(settings.heartbeatMs, this.#ended.signal).catch(() => {});
      this.#check();
      try {
        await this.#withinSession(this.#membership.heartbeat());
        heard = clock.monotonic();
        this.parts.onTrouble(undefined);
        if (await this.#morePartitions()) return;
      } catch (error) {
        this.#check();
        if (isRefusal(error, FENCES)) {
          if (error.reason === 'FENCED_INSTANCE_ID') throw error;
          return;
        }
        if (!isOutage(error)) throw error;
        this.#coordinator.forget();
        // The coordinator's successor may know this member still; after a session it does not.
        if (clock.monotonic() - heard > settings.sessionTimeoutMs) throw error;
        this.parts.onTrouble(error);
      }
    }
  }

  async #morePartitions(): Promise<boolean> {
    const now = this.parts.clock.monotonic();
    if (now < this.#nextLook) return false;
    const complete = this.options.topics.every((name) =>
      this.#assigned.some(({ topic }) => topic === name),
    );
    this.#nextLook = now + (complete ? LOOK_FOR_PARTITIONS_MS : LOOK_FOR_TOPICS_MS);
    return this.#membership.hasMorePartitions();
  }

  /** A broker that does not answer is as good as none, and sooner than a join may take. */
  async #withinSession(heartbeat: Promise<void>): Promise<void> {
    const { clock, settings } = this.parts;
    let cancel: Cancel = () => {};
    const late = new Promise<never>((_resolve, reject) => {
      cancel = clock.after(settings.sessionTimeoutMs, () =>
        reject(Object.assign(new Error('no answer to a heartbeat'), { code: 'PLT_KFK_TIMEOUT' })),
      );
    });
    try {
      await Promise.race([heartbeat, late]);
    } finally {
      cancel();
    }
  }

  /** Beats on while what is under way is finished, which may take longer than a session. */
  async #giveBack(): Promise<void> {
    const revoked = this.#assigned;
    if (revoked.length === 0 || this.#closed) return;
    const { clock, settings, listener } = this.parts;
    let cancel: Cancel = () => {};
    const beat = (): void => {
      cancel = clock.after(settings.heartbeatMs, () => {
        beat();
        // The answer is that the group is rebalancing, which is why we are here.
        this.#membership.heartbeat().catch(() => {});
      });
    };
    beat();
    try {
      await listener.onRevoked(revoked);
    } finally {
      cancel();
    }
    this.#assigned = [];
  }

  /** @throws what ended the session */
  #check(): void {
    if (this.#ended.signal.aborted) throw this.#ended.signal.reason as Error;
  }

  /** Over a connection of its own: on the other one a join may wait for its answer. */
  async #leave(): Promise<void> {
    const { clock, settings } = this.parts;
    const client = new PlatformaticClient(settings, settings.closeTimeoutMs);
    let cancel: Cancel = () => {};
    const late = new Promise<void>((resolve) => {
      cancel = clock.after(settings.closeTimeoutMs, resolve);
    });
    const left = this.#membership.leave(new GroupCoordinator(client, this.options.group));
    await Promise.race([left.catch(() => {}), late]);
    cancel();
    client.cut();
  }
}
