import { expect } from 'vitest';
import type { Need } from '../port/operations.js';
import { values, type Stage } from '../suite/stage.js';
import { area } from './check.js';

const TRANSACTION: Need[] = [
  'begin',
  'commitTransaction',
  'abortTransaction',
  'send',
  'receive',
  'read_committed',
];

const transactional = (stage: Stage) => stage.producer({ transactionalId: stage.name('tx') });

function send(stage: Stage, producer: string, topic: string, value: string, partition = 0) {
  return stage.call('send', { producer, topic, records: [{ value, partition }] });
}

const committed = { isolation: 'read_committed' } as const;
const uncommitted = { isolation: 'read_uncommitted' } as const;

/** All or nothing, across partitions and with the offsets of a group. */
export const TRANSACTIONS = area('transactions', (check) => {
  check('that is committed is read', TRANSACTION, async (stage) => {
    const topic = await stage.topic(2);
    const producer = await transactional(stage);
    await stage.call('begin', { producer });
    await send(stage, producer, topic, 'a', 0);
    await send(stage, producer, topic, 'b', 1);
    await stage.call('commitTransaction', { producer });
    expect(values(await stage.read(topic, 2, committed)).sort()).toEqual(['a', 'b']);
  });

  check('that is aborted is not read', TRANSACTION, async (stage) => {
    const topic = await stage.topic();
    const producer = await transactional(stage);
    await stage.call('begin', { producer });
    await send(stage, producer, topic, 'aborted');
    await stage.call('abortTransaction', { producer });
    await stage.call('begin', { producer });
    await send(stage, producer, topic, 'committed');
    await stage.call('commitTransaction', { producer });
    expect(values(await stage.read(topic, 1, committed))).toEqual(['committed']);
  });

  check('that is aborted is read by who does not mind', TRANSACTION, async (stage) => {
    const topic = await stage.topic();
    const producer = await transactional(stage);
    await stage.call('begin', { producer });
    await send(stage, producer, topic, 'aborted');
    await stage.call('abortTransaction', { producer });
    expect(values(await stage.read(topic, 1, uncommitted))).toEqual(['aborted']);
  });

  check('leaves an offset for its end', [...TRANSACTION, 'listOffset'], async (stage) => {
    const topic = await stage.topic();
    const producer = await transactional(stage);
    for (const end of ['commitTransaction', 'abortTransaction'] as const) {
      await stage.call('begin', { producer });
      await send(stage, producer, topic, 'x');
      await stage.call(end, { producer });
    }
    const { offset } = await stage.until(
      () => stage.call('listOffset', { topic, partition: 0, at: 'latest' }),
      (answer) => answer.offset === 4,
    );
    return offset;
  });

  check(
    'that is open holds back what comes after it',
    [...TRANSACTION, 'assign'],
    async (stage) => {
      const topic = await stage.topic();
      const producer = await transactional(stage);
      await stage.send(topic, [{ value: 'before', partition: 0 }]);
      await stage.call('begin', { producer });
      await send(stage, producer, topic, 'open');
      await stage.send(topic, [{ value: 'after', partition: 0 }]);
      const consumer = await stage.consumer({
        assign: [{ topic, partition: 0, from: 0 }],
        ...committed,
      });
      const early = await stage.call('receive', { consumer, count: 2, withinMs: 1_000 });
      expect(values(early.records)).toEqual(['before']);
      await stage.call('commitTransaction', { producer });
      expect(values(await stage.receive(consumer, 2))).toEqual(['open', 'after']);
    },
  );

  check(
    'that is open ends what read_committed sees of a partition',
    [...TRANSACTION, 'listOffset:isolation'],
    async (stage) => {
      const topic = await stage.topic();
      const producer = await transactional(stage);
      await stage.send(topic, [{ value: 'before', partition: 0 }]);
      await stage.call('begin', { producer });
      await send(stage, producer, topic, 'open');
      const ends = [];
      for (const isolation of ['read_committed', 'read_uncommitted'] as const) {
        ends.push(
          (await stage.call('listOffset', { topic, partition: 0, at: 'latest', isolation })).offset,
        );
      }
      await stage.call('abortTransaction', { producer });
      expect(ends).toEqual([1, 2]);
    },
  );

  check('of two producers do not mix', TRANSACTION, async (stage) => {
    const topic = await stage.topic();
    const producers = [await transactional(stage), await transactional(stage)];
    for (const producer of producers) await stage.call('begin', { producer });
    for (const i of [0, 1, 2, 3]) await send(stage, producers[i % 2]!, topic, `${i % 2}: ${i}`);
    await stage.call('abortTransaction', { producer: producers[0]! });
    await stage.call('commitTransaction', { producer: producers[1]! });
    expect(values(await stage.read(topic, 2, committed))).toEqual(['1: 1', '1: 3']);
  });

  check('come one after the other', [...TRANSACTION, 'aborts'], async (stage) => {
    const topic = await stage.topic();
    const producer = await transactional(stage);
    for (const i of [0, 1, 2, 3, 4, 5]) {
      await stage.call('begin', { producer });
      await send(stage, producer, topic, `${i}`);
      await stage.call(i % 3 === 1 ? 'abortTransaction' : 'commitTransaction', { producer });
    }
    expect(values(await stage.read(topic, 4, committed))).toEqual(['0', '2', '3', '5']);
  });

  check(
    'that is committed commits offsets',
    [...TRANSACTION, 'sendOffsets', 'groupOffsets'],
    async (stage) => {
      const topic = await stage.topic();
      const group = stage.name('g');
      const producer = await transactional(stage);
      await stage.call('begin', { producer });
      await send(stage, producer, topic, 'x');
      await stage.call('sendOffsets', {
        producer,
        group,
        offsets: [{ topic, partition: 0, offset: 5 }],
      });
      await stage.call('commitTransaction', { producer });
      const { offsets } = await stage.until(
        () => stage.call('groupOffsets', { group, topic, partitions: 1 }),
        (answer) => answer.offsets[0] !== null,
      );
      expect(offsets).toEqual([5]);
    },
  );

  check(
    'that is aborted commits no offsets',
    [...TRANSACTION, 'sendOffsets', 'groupOffsets', 'alterGroupOffsets'],
    async (stage) => {
      const topic = await stage.topic();
      const group = stage.name('g');
      await stage.call('alterGroupOffsets', {
        group,
        offsets: [{ topic, partition: 0, offset: 1 }],
      });
      const producer = await transactional(stage);
      await stage.call('begin', { producer });
      await stage.call('sendOffsets', {
        producer,
        group,
        offsets: [{ topic, partition: 0, offset: 5 }],
      });
      await stage.call('abortTransaction', { producer });
      const { offsets } = await stage.call('groupOffsets', { group, topic, partitions: 1 });
      expect(offsets).toEqual([1]);
    },
  );

  check('of a producer ends that of its predecessor and fences it', TRANSACTION, async (stage) => {
    const topic = await stage.topic();
    const transactionalId = stage.name('tx');
    const old = await stage.producer({ transactionalId });
    await stage.call('begin', { producer: old });
    await send(stage, old, topic, 'of the old');
    const young = await stage.producer({ transactionalId });
    await stage.call('begin', { producer: young });
    await send(stage, young, topic, 'of the young');
    await stage.call('commitTransaction', { producer: young });
    const code = await stage.refused(
      (async () => {
        await send(stage, old, topic, 'late');
        await stage.call('commitTransaction', { producer: old });
      })(),
    );
    const librdkafka = 'PRODUCER_FENCED';
    expect(code).toBe(stage.expected('INVALID_PRODUCER_EPOCH', { librdkafka }));
    expect(values(await stage.read(topic, 1, committed))).toEqual(['of the young']);
    return code;
  });

  check(
    'that is open is listed and described',
    ['listTransactions', 'describeTransaction'],
    async (stage) => {
      const topic = await stage.topic();
      const transactionalId = await stage.openTransaction(topic);
      const { transactions } = await stage.call('listTransactions', {});
      expect(transactions).toContain(transactionalId);
      const { state, partitions } = await stage.call('describeTransaction', { transactionalId });
      expect(partitions).toEqual([`${topic}-0`]);
      expect(state).toBe('Ongoing');
    },
  );

  check('that is unknown is not described', ['describeTransaction'], async (stage) => {
    const transactionalId = stage.name('no');
    const code = await stage.refused(stage.call('describeTransaction', { transactionalId }));
    expect(code).toBe('TRANSACTIONAL_ID_NOT_FOUND');
    return code;
  });

  check(
    'that takes too long is aborted',
    [...TRANSACTION, 'transaction-timeout'],
    async (stage) => {
      const topic = await stage.topic();
      const producer = await stage.producer({
        transactionalId: stage.name('tx'),
        transactionTimeoutMs: 1_500,
      });
      await stage.call('begin', { producer });
      await send(stage, producer, topic, 'slow');
      await stage.send(topic, [{ value: 'after', partition: 0 }]);
      expect(values(await stage.read(topic, 1, committed))).toEqual(['after']);
    },
  );

  check(
    'is refused a time beyond what the broker allows',
    ['openProducer', 'begin', 'transaction-timeout'],
    async (stage) => {
      const options = { transactionalId: stage.name('tx'), transactionTimeoutMs: 3_600_000 };
      const code = await stage.refused(
        // Some clients ask the broker when they open, some when they begin.
        stage.producer(options).then((producer) => stage.call('begin', { producer })),
      );
      expect(code).toBe('INVALID_TRANSACTION_TIMEOUT');
      return code;
    },
  );
});
