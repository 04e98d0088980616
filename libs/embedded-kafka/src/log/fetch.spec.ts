import { describe, expect, it } from 'vitest';
import { apiVersionsApi } from '../protocol/apis/cluster.api.js';
import { fetchApi } from '../protocol/apis/fetch.api.js';
import { produceApi } from '../protocol/apis/produce.api.js';
import { deleteTopicsApi } from '../protocol/apis/topic-admin.api.js';
import { ErrorCode } from '../protocol/error-code.js';
import { ProtocolClient } from '../testing/protocol-client.js';
import { recordBatch, sequenced } from '../testing/record-batch-builder.js';
import { connect, createTopic } from '../testing/raw-broker.js';

const produce = (name: string, records: Buffer, acks = -1) => ({
  transactionalId: null,
  acks,
  timeoutMs: 1_000,
  topics: [{ name, partitions: [{ index: 0, records }] }],
});

const fetchFrom = (name: string, fetchOffset: number, change = {}) => ({
  replicaId: -1,
  maxWaitMs: 0,
  minBytes: 1,
  maxBytes: 1_000_000,
  isolationLevel: 0,
  topics: [{ name, partitions: [{ index: 0, fetchOffset, maxBytes: 1_000_000 }] }],
  ...change,
});

describe('produce and fetch', () => {
  it('answers in the order of the requests, also behind a long poll', async () => {
    const [client] = await connect();
    await createTopic(client, 't');
    const order: string[] = [];
    const poll = client
      .call(fetchApi, 11, fetchFrom('t', 0, { maxWaitMs: 30 }))
      .then(() => order.push('poll'));
    const versions = client.call(apiVersionsApi, 0, {}).then(() => order.push('versions'));
    await Promise.all([poll, versions]);
    expect(order).toEqual(['poll', 'versions']);
  });

  it('ends a long poll as soon as enough bytes have come', async () => {
    const [consumer, broker] = await connect();
    const producer = await ProtocolClient.connect(broker.port);
    await createTopic(producer, 't');
    const batch = (): Buffer => recordBatch([{ value: 'x' }]);
    let answered = false;
    const poll = consumer
      .call(fetchApi, 11, fetchFrom('t', 0, { maxWaitMs: 60_000, minBytes: batch().length + 1 }))
      .finally(() => (answered = true));
    await producer.call(produceApi, 7, produce('t', batch()));
    expect(answered).toBe(false);
    await producer.call(produceApi, 7, produce('t', batch()));
    expect((await poll).topics[0]?.partitions[0]?.highWatermark).toBe(2);
  });

  it('ends a long poll when its topic is deleted', async () => {
    const [consumer, broker] = await connect();
    const admin = await ProtocolClient.connect(broker.port);
    await createTopic(admin, 't');
    const poll = consumer.call(fetchApi, 11, fetchFrom('t', 0, { maxWaitMs: 60_000 }));
    // The answer to a request on the same connection would wait: delete only once the poll is in.
    await admin.call(produceApi, 7, produce('other', recordBatch([{ value: 'x' }])));
    await admin.call(deleteTopicsApi, 1, { names: ['t'], timeoutMs: 1_000 });
    expect((await poll).topics[0]?.partitions[0]?.errorCode).toBe(3);
  });

  it('answers each partition for itself', async () => {
    const [client] = await connect();
    await createTopic(client, 't');
    const corrupt = recordBatch([{ value: 'x' }]);
    corrupt[64] = 0xff;
    const { topics } = await client.call(produceApi, 8, {
      transactionalId: null,
      acks: -1,
      timeoutMs: 1,
      topics: [
        {
          name: 't',
          partitions: [
            { index: 0, records: recordBatch([{ value: 'x' }]) },
            { index: 0, records: corrupt },
            { index: 1, records: recordBatch([{ value: 'x' }]) },
          ],
        },
      ],
    });
    expect(topics[0]?.partitions.map(({ errorCode }) => errorCode)).toEqual([
      0,
      ErrorCode.CORRUPT_MESSAGE,
      ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    ]);
    expect(topics[0]?.partitions[1]?.errorMessage).toBe('checksum is wrong');
  });

  it('recognises a repeated batch and refuses a gap, by number', async () => {
    const [client] = await connect();
    await createTopic(client, 't');
    const send = async (batch: Buffer): Promise<unknown> => {
      const { topics } = await client.call(produceApi, 7, produce('t', batch));
      const { errorCode, baseOffset } = topics[0]?.partitions[0] ?? {};
      return [errorCode, baseOffset];
    };
    expect(await send(sequenced(3, 0))).toEqual([0, 0]);
    expect(await send(sequenced(2, 3))).toEqual([0, 3]);
    expect(await send(sequenced(3, 0))).toEqual([0, 0]);
    expect(await send(sequenced(1, 9))).toEqual([ErrorCode.OUT_OF_ORDER_SEQUENCE, -1]);
    expect(await send(sequenced(1, 0, 7, 1))).toEqual([0, 5]);
    expect(await send(sequenced(1, 5, 7, 0))).toEqual([ErrorCode.INVALID_PRODUCER_EPOCH, -1]);
  });

  it('sends no answer to acks 0, and closes the connection when that fails', async () => {
    const [client] = await connect();
    await createTopic(client, 't');
    const silent = client.call(produceApi, 7, produce('t', recordBatch([{ value: 'x' }]), 0));
    const failed = client.call(produceApi, 7, produce('none', recordBatch([{ value: 'x' }]), 0));
    await Promise.all([
      expect(silent).rejects.toThrow('closed'),
      expect(failed).rejects.toThrow('closed'),
    ]);
  });

  it('refuses other acks than those that exist', async () => {
    const [client] = await connect();
    await createTopic(client, 't');
    const { topics } = await client.call(
      produceApi,
      7,
      produce('t', recordBatch([{ value: 'x' }]), 2),
    );
    expect(topics[0]?.partitions[0]?.errorCode).toBe(ErrorCode.INVALID_REQUIRED_ACKS);
  });

  it('asks for a full fetch instead of an incremental one', async () => {
    const [client] = await connect();
    expect(await client.call(fetchApi, 11, fetchFrom('t', 0, { sessionId: 5 }))).toMatchObject({
      errorCode: ErrorCode.FETCH_SESSION_ID_NOT_FOUND,
      topics: [],
    });
  });

  it('shares the byte limit among partitions and always makes progress', async () => {
    const [client] = await connect();
    await createTopic(client, 't');
    await createTopic(client, 'u');
    for (const name of ['t', 'u']) {
      await client.call(produceApi, 7, produce(name, recordBatch([{ value: 'x'.repeat(500) }])));
    }
    const { topics } = await client.call(fetchApi, 11, {
      ...fetchFrom('t', 0, { maxBytes: 100 }),
      topics: ['t', 'u'].map((name) => ({
        name,
        partitions: [{ index: 0, fetchOffset: 0, maxBytes: 100 }],
      })),
    });
    expect(topics.map(({ partitions }) => partitions[0]?.records?.length ?? 0)).toEqual([
      expect.any(Number),
      0,
    ]);
    expect(topics[0]?.partitions[0]?.records?.length).toBeGreaterThan(500);
  });
});
