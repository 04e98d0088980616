import { join } from 'node:path';
import { VirtualClock } from '@rookery/core/testing';
import { describe, expect, it } from 'vitest';
import { EmbeddedKafka, type EmbeddedKafkaOptions } from '../index.js';
import { listGroupsApi } from '../protocol/apis/group-admin.api.js';
import { offsetFetchApi } from '../protocol/apis/offsets.api.js';
import { createPartitionsApi } from '../protocol/apis/topic-admin.api.js';
import { ErrorCode } from '../protocol/error-code.js';
import { Journal } from '../storage/journal.js';
import { brokerChildren } from '../testing/broker-child.js';
import { ProtocolClient } from '../testing/protocol-client.js';
import { createTopic } from '../testing/raw-broker.js';
import { temporaryDirectory } from '../testing/temporary-directory.js';
import { TransactionClient } from '../testing/transaction-client.js';
import { Reader, startBroker, TestClient } from '../testing/use-broker.js';
import { prepare, type OngoingTransaction, type Transaction } from './transaction-state.js';

const OK = ErrorCode.NONE;

/** Starts a broker, lets `act` use it and stops it. */
async function during<T>(
  options: EmbeddedKafkaOptions,
  act: (one: TransactionClient) => Promise<T>,
): Promise<T> {
  const broker = await EmbeddedKafka.start(options);
  const client = await ProtocolClient.connect(broker.port);
  try {
    return await act(new TransactionClient(client));
  } finally {
    client.close();
    await broker.stop();
  }
}

async function offsetOf({ client }: TransactionClient): Promise<number | undefined> {
  const { topics } = await client.call(offsetFetchApi, 7, {
    groupId: 'g',
    topics: [{ name: 't', partitions: [0] }],
    requireStable: true,
  });
  const { errorCode, offset } = topics[0]?.partitions[0] ?? {};
  return errorCode === OK ? offset : undefined;
}

/** Leaves a transaction open with records and an offset. */
async function leaveOpen(dataDirectory: string, options: EmbeddedKafkaOptions = {}) {
  return during({ dataDirectory, ...options }, async (one) => {
    await createTopic(one.client, 't');
    const producer = await one.init(4, { timeoutMs: 60_000 });
    await one.add(producer);
    await one.addGroup(producer, 'g');
    expect(await one.produce(producer, 0)).toBe(OK);
    expect(await one.commitOffset(producer, 'g', 7)).toBe(OK);
    return producer;
  });
}

describe('a transaction that was open when the broker stopped', () => {
  it.each([
    [true, 7, []],
    [false, -1, [0]],
  ])('goes on and ends after the next start (commit %s)', async (committed, offset, aborted) => {
    const dataDirectory = temporaryDirectory();
    const producer = await leaveOpen(dataDirectory);
    await during({ dataDirectory }, async (one) => {
      expect(await one.fetch(0)).toMatchObject({ stable: 0, end: 1 });
      expect(await offsetOf(one)).toBeUndefined();
      expect(await one.produce(producer, 0)).toBe(OK);
      expect(await one.produce(producer, 1)).toBe(OK);
      expect(await one.end(producer, committed)).toBe(OK);
      const { groups } = await one.client.call(listGroupsApi, 4, { states: [] });
      expect(groups.map(({ groupId }) => groupId)).toEqual(['g']);
    });
    await during({ dataDirectory }, async (one) => {
      expect(await one.fetch(0)).toMatchObject({
        stable: 3,
        aborted,
        batches: [
          [0, 'v0'],
          [1, 'v1'],
          [2, committed ? 'commit' : 'abort'],
        ],
      });
      expect(await offsetOf(one)).toBe(offset);
      expect(await one.end(producer, committed)).toBe(OK);
    });
  });

  it('is aborted by the next producer with its id', async () => {
    const dataDirectory = temporaryDirectory();
    const producer = await leaveOpen(dataDirectory);
    await during({ dataDirectory }, async (one) => {
      expect((await one.init()).errorCode).toBe(ErrorCode.CONCURRENT_TRANSACTIONS);
      expect(await one.init()).toMatchObject({
        producerId: producer.producerId,
        producerEpoch: producer.producerEpoch + 2,
      });
      expect(await one.fetch(0)).toMatchObject({ stable: 2, aborted: [0] });
      expect(await offsetOf(one)).toBe(-1);
      expect(await one.end(producer, true)).toBe(ErrorCode.PRODUCER_FENCED);
    });
  });

  it('is aborted at its timeout, counted from its beginning', async () => {
    const dataDirectory = temporaryDirectory();
    await leaveOpen(dataDirectory, { clock: new VirtualClock(1_000_000) });
    const clock = new VirtualClock(1_000_000 + 50_000);
    await during({ dataDirectory, clock }, async (one) => {
      await clock.advance(9_999);
      expect((await one.fetch(0)).stable).toBe(0);
      await clock.advance(1);
      expect(await one.fetch(0)).toMatchObject({ stable: 2, aborted: [0] });
    });
  });

  it('is aborted at once when its time ran out meanwhile', async () => {
    const dataDirectory = temporaryDirectory();
    await leaveOpen(dataDirectory, { clock: new VirtualClock(1_000_000) });
    const clock = new VirtualClock(1_000_000 + 70_000);
    await during({ dataDirectory, clock }, async (one) => {
      await clock.advance(0);
      expect(await one.fetch(0)).toMatchObject({ stable: 2, aborted: [0] });
    });
  });

  it.each(['commit', 'abort'] as const)('is brought to its end if that was %s', async (outcome) => {
    const dataDirectory = temporaryDirectory();
    await leaveOpen(dataDirectory);
    // As a kill leaves it between the decision and its effect.
    const journal = new Journal<Transaction>(join(dataDirectory, 'transactions.journal'));
    journal.set('tx', prepare(journal.get('tx') as OngoingTransaction, outcome, 1));
    journal.close();
    await during({ dataDirectory }, async (one) => {
      expect(await one.fetch(0)).toMatchObject({
        stable: 2,
        batches: [
          [0, 'v0'],
          [1, outcome],
        ],
      });
      expect(await offsetOf(one)).toBe(outcome === 'commit' ? 7 : -1);
    });
  });

  it('gets no second marker where it has one', async () => {
    const dataDirectory = temporaryDirectory();
    const producer = await leaveOpen(dataDirectory);
    const path = join(dataDirectory, 'transactions.journal');
    let journal = new Journal<Transaction>(path);
    const decided = prepare(journal.get('tx') as OngoingTransaction, 'commit', 1);
    journal.close();
    await during({ dataDirectory }, async (one) => {
      expect(await one.end(producer, true)).toBe(OK);
    });
    // As a kill leaves it between the last marker and the note that all is done.
    journal = new Journal<Transaction>(path);
    journal.set('tx', decided);
    journal.close();
    await during({ dataDirectory }, async (one) => {
      expect(await one.fetch(0)).toMatchObject({
        stable: 2,
        batches: [
          [0, 'v0'],
          [1, 'commit'],
        ],
      });
      expect(await one.end(producer, true)).toBe(OK);
    });
  });

  it('is aborted when nothing is known of it any more', async () => {
    const dataDirectory = temporaryDirectory();
    await leaveOpen(dataDirectory);
    const journal = new Journal<Transaction>(join(dataDirectory, 'transactions.journal'));
    journal.delete('tx');
    journal.close();
    const lines: string[] = [];
    await during({ dataDirectory, log: (line) => lines.push(line) }, async (one) => {
      expect(await one.fetch(0)).toMatchObject({ stable: 2, aborted: [0] });
      expect(await offsetOf(one)).toBe(-1);
    });
    expect(lines[0]).toBe('t-0: aborted a transaction that no transactional id answers for');
  });
});

describe('transactions of a broker process that was killed', () => {
  const { spawn, kill } = brokerChildren();

  it('are all or nothing over partitions and offsets, and none is lost', async () => {
    const dataDirectory = temporaryDirectory();
    let { child, port } = await spawn(dataDirectory);
    const first = await ProtocolClient.connect(port);
    await first.call(createPartitionsApi, 0, {
      topics: [{ name: 't', count: 2, assignments: null }],
      timeoutMs: 1_000,
      validateOnly: false,
    });
    const producer = await new TransactionClient(first).init();
    const committed: string[] = [];
    let sequence = 0;
    for (let round = 0; round < 12; round++) {
      const client = await ProtocolClient.connect(port);
      const one = new TransactionClient(client);
      const commit = round % 3 !== 2;
      expect(await one.add(producer, [0, 1])).toEqual([OK, OK]);
      expect(await one.addGroup(producer, 'g')).toBe(OK);
      const values = [`v${round}0`, `v${round}1`];
      for (const index of [0, 1]) {
        expect(await one.produce(producer, sequence, { index, values })).toBe(OK);
      }
      sequence += values.length;
      expect(await one.commitOffset(producer, 'g', round)).toBe(OK);
      // Killed at any point of the end: before it arrives, within it, or after.
      const ending = one.end(producer, commit).catch(() => undefined);
      for (let turn = 0; turn < round; turn++) await new Promise((next) => setImmediate(next));
      await kill(child);
      await ending;
      ({ child, port } = await spawn(dataDirectory));
      // The producer repeats what it has no answer to.
      const after = new TransactionClient(await ProtocolClient.connect(port));
      expect(await after.end(producer, commit)).toBe(OK);
      if (commit) committed.push(...values);
      expect(await offsetOf(after)).toBe(commit ? round : round - 1);
    }
    await kill(child);
    const client = new TestClient(await startBroker({ dataDirectory }));
    const reader = new Reader();
    await reader.run(await client.consumer('all'), ['t']);
    await reader.until((got) => got.length === committed.length * 2);
    for (const partition of [0, 1]) {
      const got = reader.got.filter((one) => one.partition === partition);
      expect(got.map(({ value }) => value)).toEqual(committed);
    }
  });
});
