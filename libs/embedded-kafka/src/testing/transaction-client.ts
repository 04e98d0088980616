import type { EmbeddedKafkaOptions } from '../index.js';
import { offsetCommitApi, offsetFetchApi } from '../protocol/apis/offsets.api.js';
import { fetchApi, listOffsetsApi } from '../protocol/apis/fetch.api.js';
import { initProducerIdApi, produceApi } from '../protocol/apis/produce.api.js';
import {
  addOffsetsToTxnApi,
  addPartitionsToTxnApi,
  endTxnApi,
  txnOffsetCommitApi,
} from '../protocol/apis/transaction.api.js';
import type { ProtocolClient } from './protocol-client.js';
import { connect, createTopic } from './raw-broker.js';
import { recordBatch } from './record-batch-builder.js';

/** Attribute bit of transactional batches. */
const TRANSACTIONAL = 0x10;

/** A producer as requests name it. */
export interface RawProducer {
  readonly producerId: number;
  readonly producerEpoch: number;
}

/** A batch as a fetch returned it: where it begins, and its values or what its marker says. */
export type FetchedBatch = [baseOffset: number, content: string];

/** Transactional requests about one topic, answered by error codes. */
export class TransactionClient {
  constructor(
    readonly client: ProtocolClient,
    readonly transactionalId = 'tx',
    readonly topic = 't',
  ) {}

  async init(
    version = 4,
    change: { timeoutMs?: number; expected?: RawProducer; transactionalId?: string | null } = {},
  ): Promise<RawProducer & { errorCode: number }> {
    const { timeoutMs = 60_000, expected, transactionalId = this.transactionalId } = change;
    const { errorCode, producerId, producerEpoch } = await this.client.call(
      initProducerIdApi,
      version,
      { transactionalId, transactionTimeoutMs: timeoutMs, ...expected },
    );
    return { errorCode, producerId, producerEpoch };
  }

  /** Error codes in the order of the partitions; Kafka answers in any. */
  async add(who: RawProducer, partitions = [0], version = 3, name = this.topic): Promise<number[]> {
    const { results } = await this.client.call(addPartitionsToTxnApi, version, {
      transactionalId: this.transactionalId,
      producerId: who.producerId,
      producerEpoch: who.producerEpoch,
      topics: [{ name, partitions }],
    });
    return results.flatMap((topic) =>
      topic.partitions.toSorted((a, b) => a.index - b.index).map(({ errorCode }) => errorCode),
    );
  }

  async addGroup(who: RawProducer, groupId: string, version = 3): Promise<number> {
    const { producerId, producerEpoch } = who;
    const { transactionalId } = this;
    const request = { transactionalId, producerId, producerEpoch, groupId };
    return (await this.client.call(addOffsetsToTxnApi, version, request)).errorCode;
  }

  async end(who: RawProducer, committed: boolean, version = 3): Promise<number> {
    const { producerId, producerEpoch } = who;
    const { transactionalId } = this;
    const request = { transactionalId, producerId, producerEpoch, committed };
    return (await this.client.call(endTxnApi, version, request)).errorCode;
  }

  async commitOffset(
    who: RawProducer,
    groupId: string,
    offset: number,
    version = 3,
    member: { generationId?: number; memberId?: string; groupInstanceId?: string } = {},
  ): Promise<number | undefined> {
    const { topics } = await this.client.call(txnOffsetCommitApi, version, {
      transactionalId: this.transactionalId,
      groupId,
      producerId: who.producerId,
      producerEpoch: who.producerEpoch,
      topics: [{ name: this.topic, partitions: [{ index: 0, offset, metadata: 'm' }] }],
      ...member,
    });
    return topics[0]?.partitions[0]?.errorCode;
  }

  async produce(
    who: RawProducer,
    baseSequence: number,
    change: {
      values?: string[];
      index?: number;
      attributes?: number;
      transactionalId?: string | null;
    } = {},
  ): Promise<number | undefined> {
    const { values = [`v${baseSequence}`], index = 0, attributes = TRANSACTIONAL } = change;
    const { transactionalId = this.transactionalId } = change;
    const { producerId, producerEpoch } = who;
    const records = recordBatch(
      values.map((value) => ({ value })),
      // Older ones would be dropped by retention as soon as a marker of today begins a segment.
      { producerId, producerEpoch, baseSequence, attributes, baseTimestamp: Date.now() },
    );
    const { topics } = await this.client.call(produceApi, 7, {
      transactionalId,
      acks: -1,
      timeoutMs: 1_000,
      topics: [{ name: this.topic, partitions: [{ index, records }] }],
    });
    return topics[0]?.partitions[0]?.errorCode;
  }

  /** What a reader of committed records gets, before it leaves out what was aborted. */
  async fetch(offset: number, isolationLevel = 1, maxBytes = 1_000_000, version = 11) {
    const { topics } = await this.client.call(fetchApi, version, {
      replicaId: -1,
      maxWaitMs: 0,
      minBytes: 1,
      maxBytes,
      isolationLevel,
      topics: [{ name: this.topic, partitions: [{ index: 0, fetchOffset: offset, maxBytes }] }],
    });
    const [partition] = topics[0]?.partitions ?? [];
    if (partition === undefined) throw new Error('no partition');
    return {
      errorCode: partition.errorCode,
      stable: partition.lastStableOffset,
      end: partition.highWatermark,
      aborted: partition.abortedTransactions?.map(({ firstOffset }) => firstOffset) ?? null,
      batches: batchesIn(partition.records ?? Buffer.alloc(0)),
    };
  }

  async list(isolationLevel: number, timestamp: number, version = 5): Promise<number | undefined> {
    const { topics } = await this.client.call(listOffsetsApi, version, {
      replicaId: -1,
      isolationLevel,
      topics: [{ name: this.topic, partitions: [{ index: 0, timestamp }] }],
    });
    return topics[0]?.partitions[0]?.offset;
  }
}

function batchesIn(bytes: Buffer): FetchedBatch[] {
  const found: FetchedBatch[] = [];
  for (let at = 0; at < bytes.length; at += 12 + bytes.readInt32BE(at + 8)) {
    const batch = bytes.subarray(at, at + 12 + bytes.readInt32BE(at + 8));
    const isControl = (batch.readInt16BE(21) & 0x20) !== 0;
    const content = isControl
      ? ['abort', 'commit'][batch.readInt16BE(68)]
      : batch.toString('latin1', 61).match(/v\d+/g)?.join(' ');
    found.push([Number(batch.readBigInt64BE(0)), content ?? '?']);
  }
  return found;
}

/** A broker with the topic `t`, and what transactions are tried with on it. */
export async function transactions(options?: EmbeddedKafkaOptions) {
  const [client, broker] = await connect(options);
  await createTopic(client, 't');
  const one = new TransactionClient(client);
  const other = new TransactionClient(client, 'other');
  const offset = async (requireStable: boolean, version = 7) => {
    const topics = [{ name: 't', partitions: [0] }];
    const answer = await client.call(offsetFetchApi, version, {
      ...(version < 8 ? { groupId: 'g', topics } : { groups: [{ groupId: 'g', topics }] }),
      requireStable,
    });
    const found = version < 8 ? answer.topics : answer.groups[0]?.topics;
    const { errorCode, offset } = found?.[0]?.partitions[0] ?? { errorCode: -1, offset: -2 };
    return [errorCode, offset];
  };
  const commitOffset = async (offset: number): Promise<void> => {
    await client.call(offsetCommitApi, 7, {
      groupId: 'g',
      generationId: -1,
      memberId: '',
      topics: [{ name: 't', partitions: [{ index: 0, offset, metadata: null }] }],
    });
  };
  return { client, broker, one, other, offset, commitOffset };
}
