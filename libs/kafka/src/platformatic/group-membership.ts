import { groupBy } from '../driver/group-by.js';
import {
  decodeConsumerProtocolAssignment,
  decodeConsumerProtocolSubscription,
  encodeConsumerProtocolAssignment,
  encodeConsumerProtocolSubscription,
} from '@platformatic/kafka';
import { DEAL_PROTOCOL, dealPartitions } from '../driver/deal-partitions.js';
import type { DriverOptions } from '../driver/driver.options.js';
import type { TopicPartition, TopicPartitionOffset } from '../driver/kafka-driver.js';
import type { ClusterMap } from './cluster-map.js';
import type { GroupCoordinator } from './group-coordinator.js';
import { KafkaClosedError } from '../kafka.errors.js';
import { accepted, BrokerRefusal, refusalOf } from './platformatic-errors.js';

const PROTOCOL_TYPE = 'consumer';

interface JoinAnswer {
  readonly errorCode: number;
  readonly generationId: number;
  readonly protocolName: string;
  readonly leader: string;
  readonly memberId: string;
  readonly members: readonly { memberId: string; metadata: Buffer }[];
}

interface SyncAnswer {
  readonly errorCode: number;
  readonly assignment: Buffer;
}

interface CommitAnswer {
  readonly topics: readonly { partitions: readonly { errorCode: number }[] }[];
}

/** Who and what a {@link GroupMembership} is for. */
export interface MembershipOptions {
  readonly group: string;
  readonly topics: readonly string[];
  /** Static membership (KIP-345). */
  readonly instanceId?: string | undefined;
}

/**
 * One member of a group of the classic protocol. The steps only: when to join, beat and leave is for
 * the caller to say, so that it can finish its work before partitions are given back.
 */
export class GroupMembership {
  #memberId = '';
  #generation = -1;
  /** Of all topics subscribed to in the group, when this member deals out their partitions. */
  #dealt: ReadonlyMap<string, number> | undefined;
  #left = false;
  /** The first request of a join, whose answer names this member. */
  #introduction: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly options: MembershipOptions,
    private readonly settings: DriverOptions,
    private readonly coordinator: GroupCoordinator,
    private readonly cluster: ClusterMap,
  ) {}

  /**
   * Joins, or joins again, and returns what this member is to read.
   *
   * @throws BrokerRefusal `REBALANCE_IN_PROGRESS`, `UNKNOWN_MEMBER_ID`, `ILLEGAL_GENERATION`: again
   */
  async join(): Promise<TopicPartition[]> {
    const joined = await this.#join();
    this.#generation = joined.generationId;
    const shares = joined.leader === joined.memberId ? await this.#deal(joined.members) : undefined;
    if (shares === undefined) this.#dealt = undefined;
    const { instanceId = null, group } = this.options;
    const synced = await this.coordinator.ask<SyncAnswer>('SyncGroup', [
      group,
      this.#generation,
      this.#memberId,
      instanceId,
      PROTOCOL_TYPE,
      joined.protocolName,
      shares ?? [],
    ]);
    this.#heed(synced.errorCode);
    const { assignedPartitions } = decodeConsumerProtocolAssignment(synced.assignment);
    return assignedPartitions.flatMap(({ topic, partitions }) =>
      partitions.map((partition) => ({ topic, partition })),
    );
  }

  /** @throws BrokerRefusal when the group moves on */
  async heartbeat(): Promise<void> {
    const { group, instanceId = null } = this.options;
    const { errorCode } = await this.coordinator.ask<{ errorCode: number }>('Heartbeat', [
      group,
      this.#generation,
      this.#memberId,
      instanceId,
    ]);
    this.#heed(errorCode);
  }

  /** @throws BrokerRefusal when the group has moved on */
  async commit(positions: readonly TopicPartitionOffset[]): Promise<void> {
    const { group, instanceId = null } = this.options;
    const topics = groupBy(positions, ({ topic }) => topic);
    const answer = await this.coordinator.ask<CommitAnswer>('OffsetCommit', [
      group,
      this.#generation,
      this.#memberId,
      instanceId,
      [...topics].map(([name, own]) => ({
        name,
        partitions: own.map(({ partition, offset }) => ({
          partitionIndex: partition,
          committedOffset: BigInt(offset),
          committedLeaderEpoch: -1,
          committedMetadata: '',
        })),
      })),
    ]);
    for (const { partitions } of answer.topics) {
      for (const { errorCode } of partitions) accepted(errorCode);
    }
  }

  /**
   * Leaves for good, once it is known who leaves: whoever goes away while it is being named stays a
   * member until its session ends. A static member stays anyway, for its successor to take over.
   */
  async leave(coordinator: GroupCoordinator): Promise<void> {
    this.#left = true;
    if (this.options.instanceId !== undefined) return;
    await this.#introduction.catch(() => {});
    const memberId = this.#memberId;
    if (memberId === '') return;
    await coordinator.ask('LeaveGroup', [this.options.group, [{ memberId }]]);
  }

  /** Whether topics have come, or grown, since this member dealt out their partitions. */
  async hasMorePartitions(): Promise<boolean> {
    if (this.#dealt === undefined) return false;
    await this.cluster.refresh([...this.#dealt.keys()]);
    return [...this.#dealt].some(([topic, count]) => this.cluster.partitions(topic).length > count);
  }

  async #join(): Promise<JoinAnswer> {
    const { group, topics, instanceId = null } = this.options;
    const { sessionTimeoutMs, rebalanceTimeoutMs } = this.settings;
    const metadata = encodeConsumerProtocolSubscription({
      version: 0,
      topics: [...topics],
      userData: Buffer.alloc(0),
    });
    for (;;) {
      if (this.#left) throw new KafkaClosedError(`member of ${group}`);
      const before = this.#memberId;
      const asking = this.coordinator.ask<JoinAnswer>('JoinGroup', [
        group,
        sessionTimeoutMs,
        rebalanceTimeoutMs,
        before,
        instanceId,
        PROTOCOL_TYPE,
        [{ name: DEAL_PROTOCOL, metadata }],
        '',
      ]);
      if (before === '') this.#introduction = asking;
      const answer = await asking;
      const refusal = refusalOf(answer.errorCode);
      if (refusal === undefined || refusal === 'MEMBER_ID_REQUIRED') {
        this.#memberId = answer.memberId;
      }
      if (refusal === 'MEMBER_ID_REQUIRED' && before !== answer.memberId) continue;
      this.#heed(answer.errorCode);
      return answer;
    }
  }

  async #deal(members: JoinAnswer['members']): Promise<{ memberId: string; assignment: Buffer }[]> {
    const subscriptions = members.map(({ memberId, metadata }) => ({
      id: memberId,
      topics: decodeConsumerProtocolSubscription(metadata).topics,
    }));
    const topics = [...new Set(subscriptions.flatMap((member) => member.topics))];
    await this.cluster.refresh(topics);
    this.#dealt = new Map(topics.map((topic) => [topic, this.cluster.partitions(topic).length]));
    const shares = dealPartitions(subscriptions, (topic) => this.cluster.partitions(topic));
    return [...shares].map(([memberId, partitions]) => ({
      memberId,
      assignment: encodeConsumerProtocolAssignment({
        version: 0,
        assignedPartitions: [...groupBy(partitions, ({ topic }) => topic)].map(([topic, own]) => ({
          topic,
          partitions: own.map(({ partition }) => partition),
        })),
        userData: Buffer.alloc(0),
      }),
    }));
  }

  /** Forgets an id that the coordinator no longer knows. */
  #heed(errorCode: number): void {
    const refusal = refusalOf(errorCode);
    if (refusal === undefined) return;
    if (refusal === 'UNKNOWN_MEMBER_ID') this.#memberId = '';
    throw new BrokerRefusal(refusal);
  }
}
