import { VirtualClock } from '@rookery/core/testing';
import { describe, expect, it } from 'vitest';
import type { Api } from '../protocol/api.js';
import { findCoordinatorApi } from '../protocol/apis/membership.api.js';
import {
  addOffsetsToTxnApi,
  addPartitionsToTxnApi,
  describeTransactionsApi,
  endTxnApi,
  listTransactionsApi,
  txnOffsetCommitApi,
} from '../protocol/apis/transaction.api.js';
import { deleteRecordsApi, deleteTopicsApi } from '../protocol/apis/topic-admin.api.js';
import { initProducerIdApi } from '../protocol/apis/produce.api.js';
import { ErrorCode } from '../protocol/error-code.js';
import { ProtocolClient } from '../testing/protocol-client.js';
import { createTopic } from '../testing/raw-broker.js';
import { TransactionClient, transactions } from '../testing/transaction-client.js';

// What is expected here was compared with the answers of Apache Kafka 4.3.1 to the same requests.

const OK = ErrorCode.NONE;
const versionsOf = (api: Api): number[] =>
  Array.from({ length: api.versions[1] - api.versions[0] + 1 }, (_, n) => api.versions[0] + n);

describe('the transactional protocol, in every version served', () => {
  it('begins, adds, commits offsets and ends', async () => {
    const { client, one, offset } = await transactions();
    for (const version of [0, 1, 2, 3]) {
      const found = await client.call(findCoordinatorApi, 1 + version, {
        key: 'tx',
        keys: ['tx'],
        keyType: 1,
      });
      expect(version < 3 ? found : found.coordinators[0]).toMatchObject({ errorCode: 0 });
    }
    for (const version of versionsOf(initProducerIdApi)) {
      expect(await one.init(version)).toMatchObject({ errorCode: OK, producerEpoch: version });
    }
    for (const api of [addOffsetsToTxnApi, endTxnApi, txnOffsetCommitApi]) {
      expect(versionsOf(api)).toEqual(versionsOf(addPartitionsToTxnApi));
    }
    const producer = await one.init();
    for (const version of versionsOf(addPartitionsToTxnApi)) {
      expect(await one.add(producer, [0], version)).toEqual([OK]);
      expect(await one.produce(producer, version)).toBe(OK);
      expect(await one.addGroup(producer, 'g', version)).toBe(OK);
      expect(await one.commitOffset(producer, 'g', 10 + version, version)).toBe(OK);
      expect(await one.end(producer, true, version)).toBe(OK);
      expect(await offset(true)).toEqual([OK, 10 + version]);
      expect(await offset(true, 8)).toEqual([OK, 10 + version]);
    }
    for (const version of [4, 5, 7, 11, 12]) {
      expect(await one.fetch(0, 1, 1_000_000, version)).toMatchObject({
        aborted: [],
        stable: 8,
        batches: [
          [0, 'v0'],
          [1, 'commit'],
          [2, 'v1'],
          [3, 'commit'],
          [4, 'v2'],
          [5, 'commit'],
          [6, 'v3'],
          [7, 'commit'],
        ],
      });
    }
  });

  it('names a fenced producer as its version can', async () => {
    const { one } = await transactions();
    const old = await one.init();
    await one.init();
    const { INVALID_PRODUCER_EPOCH: epoch, PRODUCER_FENCED: fenced } = ErrorCode;
    const codes = <T>(ask: (version: number) => Promise<T>): Promise<T[]> =>
      Promise.all([0, 1, 2, 3].map(ask));
    expect(await codes((version) => one.add(old, [0], version))).toEqual(
      [epoch, epoch, fenced, fenced].map((code) => [code]),
    );
    expect(await codes((version) => one.addGroup(old, 'g', version))).toEqual([
      epoch,
      epoch,
      fenced,
      fenced,
    ]);
    expect(await codes((version) => one.end(old, true, version))).toEqual([
      epoch,
      epoch,
      fenced,
      fenced,
    ]);
    expect(await codes((version) => one.commitOffset(old, 'g', 1, version))).toEqual(
      Array(4).fill(epoch),
    );
    expect(await one.produce(old, 0)).toBe(epoch);
    const stranger = { producerId: 999, producerEpoch: 0 };
    for (const [version, code] of [
      [3, epoch],
      [4, fenced],
    ] as const) {
      expect((await one.init(version, { expected: stranger })).errorCode).toBe(code);
    }
  });
});

describe('InitProducerId', () => {
  it.each([
    [{ transactionalId: '' }, ErrorCode.INVALID_REQUEST],
    [{ timeoutMs: 900_001 }, ErrorCode.INVALID_TRANSACTION_TIMEOUT],
    [{ timeoutMs: 0 }, ErrorCode.INVALID_TRANSACTION_TIMEOUT],
    [{ expected: { producerId: -1, producerEpoch: 2 } }, ErrorCode.INVALID_REQUEST],
    [{ expected: { producerId: 5, producerEpoch: -1 } }, ErrorCode.INVALID_REQUEST],
    [{ timeoutMs: 900_000 }, OK],
    [{ transactionalId: null, timeoutMs: 0 }, OK],
  ])('answers %j with %i', async (change, code) => {
    const { one } = await transactions();
    expect((await one.init(4, change)).errorCode).toBe(code);
  });

  it('aborts what the producer before left open, and lets the new one begin at once after', async () => {
    const { one } = await transactions();
    const old = await one.init();
    await one.add(old);
    await one.produce(old, 0);
    expect((await one.fetch(0)).stable).toBe(0);
    expect((await one.init()).errorCode).toBe(ErrorCode.CONCURRENT_TRANSACTIONS);
    const next = await one.init();
    expect(next).toEqual({ errorCode: OK, producerId: old.producerId, producerEpoch: 2 });
    expect(await one.produce(old, 1)).toBe(ErrorCode.INVALID_PRODUCER_EPOCH);
    await one.add(next);
    expect(await one.produce(next, 0)).toBe(OK);
    await one.end(next, true);
    expect(await one.fetch(0)).toMatchObject({
      aborted: [0],
      batches: [
        [0, 'v0'],
        [1, 'abort'],
        [2, 'v0'],
        [3, 'commit'],
      ],
    });
  });

  it('answers the same to a producer that asks again for its next epoch', async () => {
    const { one } = await transactions();
    const first = await one.init();
    const second = await one.init(4, { expected: first });
    expect(second.producerEpoch).toBe(1);
    expect(await one.init(4, { expected: first })).toEqual(second);
    const third = await one.init(4, { expected: second });
    expect(third.producerEpoch).toBe(2);
    expect((await one.init(4, { expected: first })).errorCode).toBe(ErrorCode.PRODUCER_FENCED);
  });
});

describe('a transaction', () => {
  it('is out of reach of readers of committed records until it ends', async () => {
    const { one } = await transactions();
    const producer = await one.init();
    await one.add(producer);
    await one.produce(producer, 0, { values: ['v0', 'v1'] });
    expect(await one.fetch(0)).toMatchObject({ stable: 0, end: 2, aborted: [], batches: [] });
    expect(await one.fetch(2)).toMatchObject({ errorCode: OK, batches: [] });
    expect(await one.fetch(3)).toMatchObject({ errorCode: ErrorCode.OFFSET_OUT_OF_RANGE });
    expect(await one.fetch(0, 0)).toMatchObject({ aborted: null, batches: [[0, 'v0 v1']] });
    const [committed, all] = [1, 0];
    expect([await one.list(committed, -1), await one.list(all, -1)]).toEqual([0, 2]);
    expect([await one.list(committed, 5), await one.list(all, 5)]).toEqual([-1, 0]);
    expect([await one.list(committed, -3, 7), await one.list(all, -3, 7)]).toEqual([-1, 0]);
    expect([await one.list(committed, -2), await one.list(all, -2)]).toEqual([0, 0]);
    await one.end(producer, true);
    expect(await one.fetch(0)).toMatchObject({ stable: 3, aborted: [] });
    expect([await one.list(committed, -1), await one.list(committed, 5)]).toEqual([3, 0]);
  });

  it('is named to readers when it was aborted, as far as they read', async () => {
    const { one, other } = await transactions();
    const [a, b] = [await one.init(), await other.init()];
    for (const [tx, who] of [
      [one, a],
      [other, b],
    ] as const) {
      await tx.add(who);
      await tx.produce(who, 0);
    }
    await one.produce(a, 1);
    await one.end(a, false);
    // Up to the other one, which is still open.
    expect(await one.fetch(0)).toMatchObject({ stable: 1, aborted: [0], batches: [[0, 'v0']] });
    await other.end(b, true);
    const batches = [
      [0, 'v0'],
      [1, 'v0'],
      [2, 'v1'],
      [3, 'abort'],
      [4, 'commit'],
    ];
    expect(await one.fetch(0)).toMatchObject({ stable: 5, aborted: [0], batches });
    expect(await one.fetch(2)).toMatchObject({ aborted: [0], batches: batches.slice(2) });
    expect(await one.fetch(4)).toMatchObject({ aborted: [], batches: batches.slice(4) });
    await one.add(a);
    await one.produce(a, 2);
    await one.end(a, false);
    expect((await one.fetch(0, 1, 100)).aborted).toEqual([0]);
    expect((await one.fetch(0)).aborted).toEqual([0, 5]);
  });

  it('leaves a marker where it wrote nothing too', async () => {
    const { one } = await transactions();
    const producer = await one.init();
    await one.add(producer);
    await one.end(producer, true);
    expect(await one.fetch(0)).toMatchObject({ stable: 1, batches: [[0, 'commit']] });
  });

  it('takes records only of its own producer, for partitions it was told of', async () => {
    const { one } = await transactions();
    const producer = await one.init();
    const { INVALID_TXN_STATE, INVALID_PRODUCER_ID_MAPPING } = ErrorCode;
    expect(await one.produce(producer, 0)).toBe(INVALID_TXN_STATE);
    await one.addGroup(producer, 'g');
    expect(await one.produce(producer, 0)).toBe(INVALID_TXN_STATE);
    await one.add(producer);
    const refusals = [
      [{ transactionalId: null }, ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED],
      [{ transactionalId: 'nobody' }, INVALID_PRODUCER_ID_MAPPING],
      [{ attributes: 0x30 }, ErrorCode.INVALID_RECORD],
    ] as const;
    for (const [change, code] of refusals) {
      expect(await one.produce(producer, 0, change)).toBe(code);
    }
    expect(await one.produce({ ...producer, producerId: 99 }, 0)).toBe(INVALID_PRODUCER_ID_MAPPING);
    expect(await one.produce({ ...producer, producerEpoch: 5 }, 0)).toBe(
      ErrorCode.INVALID_PRODUCER_EPOCH,
    );
    expect(await one.produce(producer, 0)).toBe(OK);
    expect(await one.produce(producer, 1, { attributes: 0 })).toBe(INVALID_TXN_STATE);
    expect(await one.produce(producer, 9)).toBe(ErrorCode.OUT_OF_ORDER_SEQUENCE);
    expect(await one.produce(producer, 0)).toBe(OK);
    await one.end(producer, true);
    expect(await one.produce(producer, 1)).toBe(INVALID_TXN_STATE);
    // The sequence goes on with the next transaction.
    await one.add(producer);
    expect(await one.produce(producer, 0)).toBe(OK);
    expect(await one.produce(producer, 1)).toBe(OK);
    expect((await one.fetch(0, 0)).batches).toEqual([
      [0, 'v0'],
      [1, 'commit'],
      [2, 'v1'],
    ]);
  });

  it('takes all of the partitions it is told of, or none', async () => {
    const { one } = await transactions();
    const producer = await one.init();
    expect(await one.add(producer, [0, 9])).toEqual([
      ErrorCode.OPERATION_NOT_ATTEMPTED,
      ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    ]);
    expect(await one.end(producer, true)).toBe(ErrorCode.INVALID_TXN_STATE);
    for (const id of ['', 'unknown']) {
      const lost = new TransactionClient(one.client, id);
      const code = id === '' ? ErrorCode.INVALID_REQUEST : ErrorCode.INVALID_PRODUCER_ID_MAPPING;
      expect(await lost.add(producer)).toEqual([code]);
      expect(await lost.addGroup(producer, 'g')).toBe(code);
      expect(await lost.end(producer, true)).toBe(code);
    }
  });

  it('is aborted at its timeout, and its producer goes on with the epoch that fenced it', async () => {
    const clock = new VirtualClock();
    const { one } = await transactions({ clock });
    const producer = await one.init(4, { timeoutMs: 500 });
    await one.add(producer);
    await one.produce(producer, 0);
    await clock.advance(499);
    expect((await one.fetch(0)).stable).toBe(0);
    await clock.advance(1);
    expect(await one.fetch(0)).toMatchObject({ stable: 2, aborted: [0] });
    expect(await one.end(producer, true)).toBe(ErrorCode.PRODUCER_FENCED);
    expect(await one.produce(producer, 1)).toBe(ErrorCode.INVALID_PRODUCER_EPOCH);
    const next = await one.init(4, { expected: producer });
    expect(next).toMatchObject({ errorCode: OK, producerEpoch: producer.producerEpoch + 1 });
    await one.add(next);
    expect(await one.produce(next, 0)).toBe(OK);
  });

  it('ends without the topic that was deleted meanwhile', async () => {
    const { client, one, other } = await transactions();
    const producer = await one.init();
    await createTopic(client, 'u');
    await one.add(producer, [0], 3, 'u');
    await one.add(producer);
    await one.produce(producer, 0);
    await client.call(deleteTopicsApi, 1, { names: ['u'], timeoutMs: 1_000 });
    expect(await one.end(producer, true)).toBe(OK);
    expect((await other.fetch(0)).stable).toBe(2);
  });

  it('is found by administrators', async () => {
    const { client, one } = await transactions();
    const producer = await one.init();
    const state = async (): Promise<unknown> => {
      const { transactions } = await client.call(describeTransactionsApi, 0, {
        transactionalIds: ['tx', 'unknown'],
      });
      expect(transactions[1]?.errorCode).toBe(ErrorCode.TRANSACTIONAL_ID_NOT_FOUND);
      expect(transactions[0]).toMatchObject({
        timeoutMs: 60_000,
        producerId: producer.producerId,
        producerEpoch: 0,
      });
      return [transactions[0]?.state, transactions[0]?.topics];
    };
    expect(await state()).toEqual(['Empty', []]);
    await one.add(producer);
    expect(await state()).toEqual(['Ongoing', [{ name: 't', partitions: [0] }]]);
    for (const version of versionsOf(listTransactionsApi)) {
      const list = async (
        states: string[],
        producerIds: number[] = [],
        minDurationMs = -1,
      ): Promise<unknown> => {
        const request = { states, producerIds, minDurationMs };
        const found = await client.call(listTransactionsApi, version, request);
        return [found.unknownStates, found.transactions.map((one) => one.transactionalId)];
      };
      expect(await list(['Ongoing', 'Foo'])).toEqual([['Foo'], ['tx']]);
      expect(await list(['Empty'])).toEqual([[], []]);
      expect(await list([], [producer.producerId])).toEqual([[], ['tx']]);
      expect(await list([], [999])).toEqual([[], []]);
      expect(await list([], [], 100_000)).toEqual([[], version === 0 ? ['tx'] : []]);
    }
    await one.end(producer, false);
    expect(await state()).toEqual(['CompleteAbort', []]);
  });

  it('is coordinated by one of several nodes', async () => {
    const { client, broker } = await transactions({ nodes: 3 });
    const clients = await Promise.all(
      broker.brokers.map((address) => ProtocolClient.connect(Number(address.split(':')[1]))),
    );
    const { nodeId } = await client.call(findCoordinatorApi, 1, { key: 'tx', keyType: 1 });
    const codes = await Promise.all(
      clients.map(async (one) => (await new TransactionClient(one).init()).errorCode),
    );
    expect(codes).toEqual(
      [1, 2, 3].map((node) => (node === nodeId ? OK : ErrorCode.NOT_COORDINATOR)),
    );
    const listed = await Promise.all(
      clients.map((one) => one.call(listTransactionsApi, 0, { states: [], producerIds: [] })),
    );
    expect(listed.map(({ transactions }) => transactions.length)).toEqual(
      [1, 2, 3].map((node) => (node === nodeId ? 1 : 0)),
    );
    for (const one of clients) one.close();
  });
});

describe('records deleted within a transaction', () => {
  it('move the last stable offset with the beginning of the log', async () => {
    const { client, one } = await transactions();
    const producer = await one.init();
    const deleteBefore = async (offset: number): Promise<void> => {
      await client.call(deleteRecordsApi, 1, {
        topics: [{ name: 't', partitions: [{ index: 0, offset }] }],
        timeoutMs: 1_000,
      });
    };
    await one.add(producer);
    await one.produce(producer, 0, { values: ['v0', 'v1'] });
    await one.produce(producer, 2, { values: ['v2', 'v3'] });
    await deleteBefore(2);
    expect(await one.fetch(2)).toMatchObject({ stable: 2, end: 4, batches: [] });
    await deleteBefore(-1);
    expect([await one.list(1, -1), await one.list(0, -1)]).toEqual([4, 4]);
    await one.produce(producer, 4);
    expect(await one.fetch(4)).toMatchObject({ stable: 4, end: 5, batches: [] });
    await one.end(producer, false);
    expect(await one.fetch(4)).toMatchObject({
      stable: 6,
      aborted: [0],
      batches: [
        [4, 'v4'],
        [5, 'abort'],
      ],
    });
  });
});
