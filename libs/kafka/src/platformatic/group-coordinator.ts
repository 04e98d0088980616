import { groupBy } from '../driver/group-by.js';
import type { TopicPartition } from '../driver/kafka-driver.js';
import type { Broker, PlatformaticClient } from './platformatic-client.js';
import { accepted } from './platformatic-errors.js';

const GROUP_KEY = 0;

interface CoordinatorAnswer {
  readonly coordinators: readonly {
    host: string;
    port: number;
    errorCode: number;
    errorMessage: string | null;
  }[];
}

interface OffsetTopics {
  readonly topics?: readonly {
    name: string;
    partitions: readonly { partitionIndex: number; committedOffset: bigint; errorCode: number }[];
  }[];
  readonly errorCode?: number;
}

/** The broker that looks after a group: found when first needed, and again when it moves. */
export class GroupCoordinator {
  #broker: Broker | undefined;

  constructor(
    private readonly client: PlatformaticClient,
    private readonly group: string,
  ) {}

  /** Looks for it anew before the next request. */
  forget(): void {
    this.#broker = undefined;
  }

  async ask<R>(name: string, request: readonly unknown[]): Promise<R> {
    return this.client.ask<R>((this.#broker ??= await this.#find()), name, request);
  }

  /** What the group has committed; partitions without a commit are missing. */
  async committed(partitions: readonly TopicPartition[]): Promise<Map<string, number>> {
    const topics = groupBy(partitions, ({ topic }) => topic);
    const asked = [...topics].map(([name, own]) => ({
      name,
      partitionIndexes: own.map(({ partition }) => partition),
    }));
    const answer = await this.ask<OffsetTopics & { groups?: readonly OffsetTopics[] }>(
      'OffsetFetch',
      [[{ groupId: this.group, memberId: null, memberEpoch: -1, topics: asked }], false],
    );
    // Since version 8 an answer is about several groups.
    const own = answer.groups?.[0] ?? answer;
    accepted(own.errorCode ?? 0);
    const offsets = new Map<string, number>();
    for (const { name, partitions: found } of own.topics ?? []) {
      for (const { partitionIndex, committedOffset, errorCode } of found) {
        accepted(errorCode);
        if (committedOffset >= 0n)
          offsets.set(`${name}/${partitionIndex}`, Number(committedOffset));
      }
    }
    return offsets;
  }

  async #find(): Promise<Broker> {
    const { coordinators } = await this.client.ask<CoordinatorAnswer>(
      undefined,
      'FindCoordinator',
      [GROUP_KEY, [this.group]],
    );
    const [found] = coordinators;
    if (found === undefined) throw new Error('no coordinator in the answer');
    accepted(found.errorCode, found.errorMessage);
    return { host: found.host, port: found.port };
  }
}
