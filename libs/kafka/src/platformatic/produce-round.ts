import { NumericMap } from '@platformatic/kafka';
import type { OutgoingRecord } from '../driver/kafka-driver.js';
import type { ClusterMap } from './cluster-map.js';
import type { PlatformaticClient } from './platformatic-client.js';
import { BrokerRefusal, isOutage, LEADER_AWAY, refusalOf } from './platformatic-errors.js';

const ALL_IN_SYNC = -1;
/** Stored already: the first answer was lost. */
const STORED_BEFORE = 'DUPLICATE_SEQUENCE_NUMBER';
const WORTH_ANOTHER_TRY: ReadonlySet<string> = new Set([
  ...LEADER_AWAY,
  'REQUEST_TIMED_OUT',
  'NETWORK_EXCEPTION',
  'NOT_ENOUGH_REPLICAS',
  'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
]);

interface ProduceAnswer {
  readonly responses: readonly {
    name: string;
    partitionResponses: readonly {
      index: number;
      errorCode: number;
      errorMessage?: string | null;
    }[];
  }[];
}

/** What is sent to one partition, as one batch, under the same sequence number in every try. */
export interface PartitionBatch {
  readonly topic: string;
  readonly partition: number;
  readonly records: readonly OutgoingRecord[];
  readonly sequence: number;
  /** Why the last try failed. */
  problem?: unknown;
}

/** Who the broker takes the producer for; undefined without idempotence. */
export interface ProducerIdentity {
  readonly producerId: bigint;
  readonly producerEpoch: number;
}

/** Whether a try that failed in this way is worth repeating. */
export function worthAnotherTry(problem: unknown): boolean {
  return problem instanceof BrokerRefusal
    ? WORTH_ANOTHER_TRY.has(problem.reason)
    : isOutage(problem);
}

/** Sends batches to their leaders, all at a time; returns those that failed, each with why. */
export async function produceRound<B extends PartitionBatch>(
  client: PlatformaticClient,
  cluster: ClusterMap,
  batches: readonly B[],
  identity: ProducerIdentity | undefined,
  timeoutMs: number,
): Promise<B[]> {
  const failed: B[] = [];
  const byNode = new Map<number, B[]>();
  for (const batch of batches) {
    const node = cluster.leader(batch.topic, batch.partition);
    if (node !== undefined) byNode.set(node, [...(byNode.get(node) ?? []), batch]);
    else failed.push(fail(batch, new BrokerRefusal('LEADER_NOT_AVAILABLE', batch.topic)));
  }
  await Promise.all(
    [...byNode].map(async ([node, own]) => {
      const problems = await produce(client, cluster, node, own, identity, timeoutMs);
      for (const batch of own) {
        const problem = problems.get(keyOf(batch.topic, batch.partition));
        if (problem !== undefined) failed.push(fail(batch, problem));
      }
    }),
  );
  return failed;
}

async function produce(
  client: PlatformaticClient,
  cluster: ClusterMap,
  node: number,
  batches: readonly PartitionBatch[],
  identity: ProducerIdentity | undefined,
  timeoutMs: number,
): Promise<Map<string, unknown>> {
  const problems = new Map<string, unknown>();
  try {
    const sequences = new NumericMap(
      batches.map(({ topic, partition, sequence }) => [`${topic}:${partition}`, sequence]),
    );
    const answer = await client.ask<ProduceAnswer>(cluster.broker(node), 'Produce', [
      ALL_IN_SYNC,
      timeoutMs,
      batches.flatMap(messagesOf),
      identity === undefined ? {} : { ...identity, sequences },
    ]);
    for (const { name, partitionResponses } of answer.responses) {
      for (const { index, errorCode, errorMessage } of partitionResponses) {
        const reason = refusalOf(errorCode);
        if (reason === undefined || reason === STORED_BEFORE) continue;
        problems.set(keyOf(name, index), new BrokerRefusal(reason, errorMessage));
      }
    }
  } catch (error) {
    for (const { topic, partition } of batches) problems.set(keyOf(topic, partition), error);
  }
  return problems;
}

function messagesOf({ topic, partition, records }: PartitionBatch): object[] {
  return records.map(({ key, value, headers = {}, timestamp }) => ({
    topic,
    partition,
    key: bytesOf(key),
    value: bytesOf(value),
    headers: headersOf(headers),
    ...(timestamp === undefined ? {} : { timestamp: BigInt(timestamp) }),
  }));
}

/** By identity, since a header may occur more than once. */
function headersOf(headers: NonNullable<OutgoingRecord['headers']>): Map<Buffer, Buffer> {
  const entries = new Map<Buffer, Buffer>();
  for (const [name, value] of Object.entries(headers)) {
    const values = typeof value === 'string' || Buffer.isBuffer(value) ? [value] : value;
    for (const one of values) entries.set(Buffer.from(name), Buffer.from(one));
  }
  return entries;
}

function bytesOf(value: Buffer | string | null): Buffer | null {
  return typeof value === 'string' ? Buffer.from(value) : value;
}

function fail<B extends PartitionBatch>(batch: B, problem: unknown): B {
  batch.problem = problem;
  return batch;
}

function keyOf(topic: string, partition: number): string {
  return `${topic}/${partition}`;
}
