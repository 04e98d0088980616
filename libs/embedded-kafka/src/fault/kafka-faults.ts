import type { Clock } from '@rookery/core';
import { UnknownTargetError } from '../embedded-kafka.errors.js';
import type { Broker } from '../server/broker.js';
import type { ConnectionFilter, NodeServers } from '../server/node-servers.js';
import type { Topic } from '../topic/topic-store.js';
import {
  ruleOf,
  type ErrorName,
  type FaultRule,
  type FaultRules,
  type FaultStage,
  type Heal,
  type RequestFilter,
} from './fault.js';
import type { SlowDisk } from './slow-disk.js';

/** A rebalance storm. */
export interface RebalanceOptions {
  /** Rebalances to order. Default 1. */
  readonly times?: number;
  /** Milliseconds between two orders. Default 1,000. */
  readonly everyMs?: number;
  /** Ends the storm early. */
  readonly signal?: AbortSignal;
}

/** What {@link KafkaFaults} act on. */
export interface FaultTargets {
  readonly rules: FaultRules;
  readonly broker: Broker;
  readonly servers: NodeServers;
  readonly disk: SlowDisk;
  readonly clock: Clock;
}

/** What can be made to go wrong in an embedded Kafka, for tests of what clients do then. */
export class KafkaFaults {
  readonly #storms = new AbortController();

  constructor(private readonly targets: FaultTargets) {}

  /** Decides on each request by a function of its own; the others of this class build on it. */
  rule(rule: FaultRule): Heal {
    return this.targets.rules.add(rule);
  }

  /** Leaves requests without an answer; at `response`, after doing what they ask. */
  drop(filter: RequestFilter = {}, at: FaultStage = 'request'): Heal {
    return this.rule(ruleOf(filter, { at, action: 'drop' }));
  }

  /** Holds requests up by `ms` before they are acted on, or their answers. */
  delay(ms: number, filter: RequestFilter = {}, at: FaultStage = 'request'): Heal {
    return this.rule(ruleOf(filter, { at, action: 'delay', ms }));
  }

  /** Does what requests ask, but cuts the connection instead of answering. */
  loseAnswers(filter: RequestFilter = {}): Heal {
    return this.rule(ruleOf(filter, { at: 'response', action: 'disconnect' }));
  }

  /**
   * Answers requests with an error; at `response`, after doing what they ask. An answer that has no
   * place for an error, as that of a produce without acks, closes the connection.
   */
  fail(error: ErrorName, filter: RequestFilter = {}, at: FaultStage = 'request'): Heal {
    return this.rule(ruleOf(filter, { at, action: 'error', error }));
  }

  /** Cuts connections that are open now; all without a filter. @returns how many */
  disconnect(filter: ConnectionFilter = {}): number {
    return this.targets.servers.disconnect(filter);
  }

  /** Lets each append take `ms`, and with the option `fsync` each sync as much again. */
  slowDisk(ms: number): Heal {
    this.targets.disk.set(ms);
    return () => this.targets.disk.set(0);
  }

  /** The node that leads a partition, -1 when none of its copies is up. @throws UnknownTargetError */
  leaderOf(topic: string, partition: number): number {
    return this.targets.broker.cluster.leadership.of(this.#topic(topic, partition), partition)
      .leader;
  }

  /** The node that coordinates a group or transactional id, -1 when all are down. */
  coordinatorOf(id: string, kind: 'group' | 'transaction' = 'group'): number {
    return this.targets.broker.cluster.coordinatorOf(kind, id);
  }

  /**
   * Gives a partition to another node, by default to the next copy that is up; with a single node
   * only the epoch grows, as after its restart.
   *
   * @returns the node that leads now
   * @throws UnknownTargetError when there is no such partition, or the node is not up
   */
  moveLeader(topic: string, partition: number, node?: number): number {
    const found = this.#topic(topic, partition);
    if (node !== undefined) this.#liveNode(node);
    return this.targets.broker.cluster.leadership.move(found, partition, node);
  }

  /**
   * Gives a group or transactional id to another node, by default to the next that is up. A
   * rebalance under way is lost; sessions begin anew.
   *
   * @returns the node that coordinates now
   * @throws UnknownTargetError when the node is not up
   */
  moveCoordinator(groupOrTransactionalId: string, node?: number): number {
    if (node !== undefined) this.#liveNode(node);
    const { cluster } = this.targets.broker;
    const next = cluster.moveCoordinator('group', groupOrTransactionalId, node);
    return cluster.moveCoordinator('transaction', groupOrTransactionalId, next);
  }

  /**
   * Orders a group to rebalance, or over and over: a storm. Orders to a group that has no members
   * at that time do nothing.
   *
   * @returns resolves, after the last order or when the signal aborts or the broker stops, with how
   *   many rebalances were begun
   * @throws UnknownTargetError when there is no such group
   */
  async rebalance(group: string, options: RebalanceOptions = {}): Promise<number> {
    const { times = 1, everyMs = 1_000, signal } = options;
    if (this.targets.broker.groups.get(group) === undefined) {
      throw new UnknownTargetError(`group ${group}`, 'no member ever joined it');
    }
    const ends = [this.#storms.signal, ...(signal === undefined ? [] : [signal])];
    const over = AbortSignal.any(ends);
    let begun = 0;
    for (let left = times; left > 0 && !over.aborted; left--) {
      if (this.targets.broker.groups.get(group)?.rebalance() === true) begun++;
      if (left > 1) await this.targets.clock.sleep(everyMs, over).catch(() => {});
    }
    return begun;
  }

  /**
   * Takes a node down as a broker failure does: its connections are cut, its partitions get leaders
   * among their other copies or none, its groups and transactions other coordinators.
   *
   * @throws UnknownTargetError when there is no such node
   */
  async stopNode(id: number): Promise<void> {
    this.#node(id);
    await this.targets.servers.stop(id);
  }

  /**
   * Brings a node back, at its former port.
   *
   * @throws UnknownTargetError when there is no such node
   * @throws PortInUseError when its port was taken meanwhile
   */
  async startNode(id: number): Promise<void> {
    this.#node(id);
    await this.targets.servers.start(id);
  }

  /** Ends all rules and the slow disk, and brings all nodes back. Leaders stay where they are. */
  async healAll(): Promise<void> {
    const { rules, disk, servers, broker } = this.targets;
    rules.clear();
    disk.set(0);
    await Promise.all(broker.cluster.nodes.ids.map((id) => servers.start(id)));
  }

  /** Ends storms; the broker calls it when it stops. */
  close(): void {
    this.#storms.abort();
    this.targets.rules.clear();
  }

  #topic(name: string, partition: number): Topic {
    const topic = this.targets.broker.topics.get(name);
    if (topic?.partitions[partition] !== undefined) return topic;
    throw new UnknownTargetError(`partition ${name}-${partition}`, 'it does not exist');
  }

  #node(id: number): void {
    const { ids } = this.targets.broker.cluster.nodes;
    if (!ids.includes(id)) throw new UnknownTargetError(`node ${id}`, `there are ${ids.join()}`);
  }

  #liveNode(id: number): void {
    this.#node(id);
    if (this.targets.broker.cluster.nodes.isLive(id)) return;
    throw new UnknownTargetError(`node ${id}`, 'it is stopped');
  }
}
