import { randomUUID } from 'node:crypto';
import { EmbeddedKafka } from '@rookery/embedded-kafka';
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest';
import { findCoordinatorApi } from '../../../libs/embedded-kafka/src/protocol/apis/membership.api.js';
import {
  offsetCommitApi,
  offsetFetchApi,
} from '../../../libs/embedded-kafka/src/protocol/apis/offsets.api.js';
import {
  createTopicsApi,
  deleteRecordsApi,
} from '../../../libs/embedded-kafka/src/protocol/apis/topic-admin.api.js';
import { ErrorCode } from '../../../libs/embedded-kafka/src/protocol/error-code.js';
import { ProtocolClient } from '../../../libs/embedded-kafka/src/testing/protocol-client.js';
import {
  TransactionClient,
  type RawProducer,
} from '../../../libs/embedded-kafka/src/testing/transaction-client.js';

const ofRun = inject('rookery:kafka');

/** Answered while a real broker is not ready yet, or still busy with what it was asked before. */
const NOT_YET = new Set<number>([
  ErrorCode.NOT_LEADER_OR_FOLLOWER,
  ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
  ErrorCode.COORDINATOR_NOT_AVAILABLE,
  ErrorCode.NOT_COORDINATOR,
  ErrorCode.CONCURRENT_TRANSACTIONS,
  ErrorCode.NOT_ENOUGH_REPLICAS,
]);

/** Puts the same questions to a broker and keeps its answers, in terms that two can share. */
class Questions {
  readonly answers: [question: string, answer: unknown][] = [];
  readonly #producers: number[] = [];

  private constructor(
    private readonly client: ProtocolClient,
    private readonly topic: string,
  ) {}

  static async open(address: string): Promise<Questions> {
    const client = await ProtocolClient.connect(Number(address.split(':')[1]));
    const topic = `t-${randomUUID()}`;
    await client.call(createTopicsApi, 4, {
      topics: [
        { name: topic, partitionCount: 2, replicationFactor: 1, assignments: [], configs: [] },
      ],
      timeoutMs: 5_000,
      validateOnly: false,
    });
    const questions = new Questions(client, topic);
    for (const [keyType, key] of [
      [0, topic],
      [1, topic],
    ] as const) {
      await vi.waitUntil(
        async () => (await client.call(findCoordinatorApi, 1, { key, keyType })).errorCode === 0,
        60_000,
      );
    }
    await vi.waitUntil(async () => (await questions.of().fetch(0)).errorCode === 0, 20_000);
    return questions;
  }

  /** The transactional id with this suffix. */
  of(suffix = ''): TransactionClient {
    return new TransactionClient(this.client, `${this.topic}${suffix}`, this.topic);
  }

  /** Keeps an answer; asks again while the broker is not ready for the question. */
  async ask<T>(question: string, ask: () => Promise<T>, codeOf = codesIn): Promise<T> {
    let answer = await ask();
    await vi.waitUntil(async () => {
      if (!codeOf(answer).some((code) => NOT_YET.has(code))) return true;
      answer = await ask();
      return false;
    }, 30_000);
    this.answers.push([question, this.#shared(answer)]);
    return answer;
  }

  /** Ends a transaction; real brokers write the markers after their answer. */
  async end(tx: TransactionClient, who: RawProducer, commit: boolean, stable?: number) {
    await this.ask(`end ${commit}`, () => tx.end(who, commit));
    if (stable === undefined) return;
    await vi.waitUntil(async () => (await tx.fetch(0, 0)).stable === stable, 20_000);
  }

  async offset(requireStable: boolean): Promise<void> {
    await this.ask(`offset, stable ${requireStable}`, async () => {
      const { topics } = await this.client.call(offsetFetchApi, 7, {
        groupId: this.topic,
        topics: [{ name: this.topic, partitions: [0] }],
        requireStable,
      });
      return topics[0]?.partitions[0];
    });
  }

  async commit(offset: number): Promise<void> {
    await this.client.call(offsetCommitApi, 7, {
      groupId: this.topic,
      generationId: -1,
      memberId: '',
      topics: [{ name: this.topic, partitions: [{ index: 0, offset, metadata: null }] }],
    });
  }

  async deleteBefore(offset: number): Promise<void> {
    await this.client.call(deleteRecordsApi, 1, {
      topics: [{ name: this.topic, partitions: [{ index: 0, offset }] }],
      timeoutMs: 5_000,
    });
  }

  get group(): string {
    return this.topic;
  }

  close(): void {
    this.client.close();
  }

  /** Producer ids by the order in which they came. */
  #shared(answer: unknown): unknown {
    const producerId = (answer as { producerId?: number } | null)?.producerId;
    if (producerId === undefined || producerId < 0) return answer;
    if (!this.#producers.includes(producerId)) this.#producers.push(producerId);
    return { ...(answer as object), producerId: `p${this.#producers.indexOf(producerId)}` };
  }
}

function codesIn(answer: unknown): number[] {
  if (typeof answer === 'number') return [answer];
  if (Array.isArray(answer)) return answer as number[];
  return [(answer as { errorCode?: number } | undefined)?.errorCode ?? 0];
}

const SCRIPTS: Record<string, (questions: Questions) => Promise<void>> = {
  async 'commits and aborts'(q) {
    const tx = q.of();
    const read = async (offset: number): Promise<void> => {
      for (const level of [1, 0]) {
        await q.ask(`fetch ${offset} at ${level}`, () => tx.fetch(offset, level));
        for (const timestamp of [-1, -2, 5]) {
          await q.ask(`list ${timestamp} at ${level}`, () => tx.list(level, timestamp), noCodes);
        }
      }
    };
    const producer = await q.ask('init', () => tx.init());
    await q.ask('add', () => tx.add(producer));
    await q.ask('produce', () => tx.produce(producer, 0, { values: ['v0', 'v1'] }));
    await read(0);
    await q.end(tx, producer, true, 3);
    await read(0);
    await q.ask('add', () => tx.add(producer, [0, 1]));
    await q.ask('produce', () => tx.produce(producer, 2));
    await q.end(tx, producer, false, 5);
    for (const offset of [0, 3, 4, 5]) await read(offset);
    await q.ask('add', () => tx.add(producer));
    await q.end(tx, producer, true, 6);
    await read(5);
  },

  async 'ends, twice and wrongly'(q) {
    const tx = q.of();
    const producer = await q.ask('init', () => tx.init());
    for (const commit of [true, false]) await q.end(tx, producer, commit);
    for (const [first, stable] of [
      [true, 1],
      [false, 2],
    ] as const) {
      await q.ask('add', () => tx.add(producer));
      await q.end(tx, producer, first, stable);
      await q.end(tx, producer, first);
      await q.end(tx, producer, !first);
    }
    for (const version of [0, 1, 2, 3]) {
      for (const change of [{ producerEpoch: 9 }, { producerId: 1e9 }]) {
        await q.ask('end of another', () => tx.end({ ...producer, ...change }, true, version));
        await q.ask('add of another', () => tx.add({ ...producer, ...change }, [0], version));
        await q.ask('group of another', () =>
          tx.addGroup({ ...producer, ...change }, 'g', version),
        );
      }
    }
    await q.ask('add what is missing', () => tx.add(producer, [0, 7]));
    for (const id of ['', '-unknown']) {
      const lost = id === '' ? new TransactionClient(tx.client, '', tx.topic) : q.of(id);
      await q.ask(`add of '${id}'`, () => lost.add(producer));
      await q.ask(`group of '${id}'`, () => lost.addGroup(producer, 'g'));
      await q.ask(`end of '${id}'`, () => lost.end(producer, true));
    }
  },

  async 'hands out epochs'(q) {
    const tx = q.of();
    const init = (version: number, change: Parameters<TransactionClient['init']>[1] = {}) =>
      q.ask(`init ${version} ${JSON.stringify(change.timeoutMs)}`, () => tx.init(version, change));
    const expecting = ({ producerId, producerEpoch }: RawProducer) => ({
      expected: { producerId, producerEpoch },
    });
    const first = await init(4);
    const second = await init(4, expecting(first));
    await init(4, expecting(first));
    await init(4, expecting(second));
    for (const version of [3, 4]) {
      await init(version, expecting(first));
      await init(version, expecting({ producerId: 1e9, producerEpoch: 0 }));
    }
    await init(4, expecting({ producerId: -1, producerEpoch: 2 }));
    await init(4, expecting({ producerId: 5, producerEpoch: -1 }));
    for (const timeoutMs of [900_001, 0, -5, 900_000]) await init(4, { timeoutMs });
    await init(4, { transactionalId: '' });
    for (const version of [0, 1, 2, 3]) await init(version);
    await init(4, { transactionalId: null });
    await init(4, { transactionalId: null, ...expecting(first) });
  },

  async 'fences who wrote before'(q) {
    const tx = q.of();
    const old = await q.ask('init', () => tx.init());
    await q.ask('add', () => tx.add(old));
    await q.ask('produce', () => tx.produce(old, 0));
    const next = await q.ask('init', () => tx.init());
    await q.ask('late produce', () => tx.produce(old, 1));
    await q.ask('late add', () => tx.add(old));
    await q.ask('late end', () => tx.end(old, true));
    await q.ask('add', () => tx.add(next));
    await q.ask('produce', () => tx.produce(next, 0));
    await q.end(tx, next, true, 4);
    await q.ask('fetch', () => tx.fetch(0));
  },

  async 'refuses records that are part of no transaction'(q) {
    const tx = q.of();
    const producer = await q.ask('init', () => tx.init());
    await q.ask('not begun', () => tx.produce(producer, 0));
    await q.ask('add', () => tx.add(producer));
    await q.ask('not added', () => tx.produce(producer, 0, { index: 1 }));
    await q.ask('no id', () => tx.produce(producer, 0, { transactionalId: null }));
    await q.ask('other id', () => tx.produce(producer, 0, { transactionalId: 'nobody' }));
    await q.ask('control', () => tx.produce(producer, 0, { attributes: 0x30 }));
    await q.ask('other producer', () => tx.produce({ ...producer, producerId: 1e9 }, 0));
    await q.ask('other epoch', () => tx.produce({ ...producer, producerEpoch: 5 }, 0));
    await q.ask('good', () => tx.produce(producer, 0));
    await q.ask('again', () => tx.produce(producer, 0));
    await q.ask('gap', () => tx.produce(producer, 5));
    await q.ask('not transactional', () => tx.produce(producer, 1, { attributes: 0 }));
    await q.end(tx, producer, true, 2);
    await q.ask('after the end', () => tx.produce(producer, 1));
    await q.ask('fetch', () => tx.fetch(0));
  },

  async 'keeps offsets back'(q) {
    const tx = q.of();
    const { group } = q;
    const producer = await q.ask('init', () => tx.init());
    await q.ask('add', () => tx.add(producer));
    for (const version of [0, 1, 2, 3]) {
      await q.ask('not added', () => tx.commitOffset(producer, group, 5, version));
    }
    for (const [commit, offset] of [
      [true, 5],
      [false, 8],
    ] as const) {
      await q.ask('group', () => tx.addGroup(producer, group));
      await q.ask('commit', () => tx.commitOffset(producer, group, offset));
      await q.offset(true);
      await q.offset(false);
      await q.end(tx, producer, commit);
      await vi.waitUntil(async () => (await tx.end(producer, commit)) === 0, 20_000);
      await q.offset(false);
    }
    await q.ask('group', () => tx.addGroup(producer, group));
    await q.ask('commit', () => tx.commitOffset(producer, group, 10));
    await q.commit(7);
    await q.offset(true);
    await q.offset(false);
    for (const version of [0, 2, 3]) {
      const old = { ...producer, producerEpoch: 9 };
      await q.ask('fenced', () => tx.commitOffset(old, group, 1, version));
    }
    const ghost = { memberId: 'ghost', generationId: 3 };
    await q.ask('ghost', () => tx.commitOffset(producer, group, 1, 3, ghost));
    await q.ask('no group', () => tx.commitOffset(producer, '', 1));
  },

  async 'moves the stable offset with deleted records'(q) {
    const tx = q.of();
    const producer = await q.ask('init', () => tx.init());
    await q.ask('add', () => tx.add(producer));
    for (const n of [0, 1, 2]) await q.ask('produce', () => tx.produce(producer, n));
    await q.deleteBefore(2);
    await q.ask('fetch', () => tx.fetch(2));
    await q.deleteBefore(-1);
    await q.ask('list', () => tx.list(1, -1), noCodes);
    await q.ask('produce', () => tx.produce(producer, 3));
    await q.ask('fetch', () => tx.fetch(3));
    await q.end(tx, producer, false);
    await vi.waitUntil(async () => (await tx.fetch(3, 0)).stable === 5, 20_000);
    await q.ask('fetch', () => tx.fetch(3));
  },

  async 'recognises what an idempotent producer repeats'(q) {
    const tx = q.of();
    const plain = { transactionalId: null, attributes: 0 };
    const producer = await q.ask('init', () => tx.init(4, { transactionalId: null }));
    const next = { ...producer, producerEpoch: 1 };
    const send = async (who: RawProducer, ...sequences: number[]): Promise<void> => {
      for (const sequence of sequences) {
        await q.ask(`${who.producerEpoch}:${sequence}`, () => tx.produce(who, sequence, plain));
      }
    };
    // One that is not known yet may begin anywhere.
    await send(producer, 5, 6, 5, 9);
    await send(next, 3, 0);
    await send(producer, 7);
    await send(next, 1, 2, 3, 4, 5, 6, 7);
    await send(next, 0, 1, 2, 3, 4, 5, 6, 7);
    await q.ask('two in one', () => tx.produce(next, 6, { ...plain, values: ['v6', 'v7'] }));
    // What it sent is known still when it was deleted.
    await q.deleteBefore(-1);
    await send(next, 20, 7, 8);
    await send(producer, 8);
    await q.ask('no sequence', () => tx.produce(next, -1, plain));
    await q.ask('fetch', () => tx.fetch(10));
  },
};

function noCodes(): number[] {
  return [];
}

const missing = 'missing' in ofRun ? ofRun.missing : undefined;

describe.skipIf(missing !== undefined)(
  `requests of producers get the answers of a real Kafka${missing ? `: ${missing}` : ''}`,
  () => {
    let embedded: EmbeddedKafka;
    beforeAll(async () => {
      embedded = await EmbeddedKafka.start();
    });
    afterAll(() => embedded.stop());

    it.each(Object.entries(SCRIPTS))('%s', async (_name, script) => {
      const answersOf = async (address: string): Promise<Questions['answers']> => {
        const questions = await Questions.open(address);
        try {
          await script(questions);
          return questions.answers;
        } finally {
          questions.close();
        }
      };
      const real = await answersOf(('brokers' in ofRun ? ofRun.brokers[0] : '') as string);
      expect(await answersOf(embedded.brokers[0] as string)).toEqual(real);
    });
  },
);
