import { isDeepStrictEqual } from 'node:util';
import { expect } from 'vitest';
import type { Need } from '../port/operations.js';
import { values, type Stage } from '../suite/stage.js';
import { area } from './check.js';

const MEMBER: Need[] = ['openConsumer', 'receive', 'assignment', 'closeConsumer'];
const ROUNDS = 10;

/**
 * Each member reads its partitions. It may still read for a while what it had before: so one round
 * of records after the other, until one is read as it is shared.
 */
async function readShares(
  stage: Stage,
  topic: string,
  members: readonly string[],
  shares: readonly (readonly number[])[],
): Promise<void> {
  const partitions = shares.flat();
  for (let round = 1; round <= ROUNDS; round += 1) {
    await stage.send(
      topic,
      partitions.map((partition) => ({ value: `round ${round}`, partition })),
    );
    const read = members.map(() => new Set<number>());
    await stage.until(
      async () => {
        for (const [i, consumer] of members.entries()) {
          const { records } = await stage.call('receive', { consumer, count: 1, withinMs: 200 });
          for (const { value, partition } of records) {
            if (String(value) === `round ${round}`) read[i]!.add(partition);
          }
        }
        return read.flatMap((own) => [...own]);
      },
      (all) => new Set(all).size === partitions.length,
    );
    const sorted = read.map((own) => [...own].toSorted((a, b) => a - b));
    if (isDeepStrictEqual(sorted, shares)) return;
  }
  throw new Error(`members did not read what they were given in ${ROUNDS} rounds`);
}

/** Members of a consumer group share partitions and positions. */
export const GROUPS = area('groups', (check) => {
  check('one member gets every partition', MEMBER, async (stage) => {
    const topic = await stage.topic(3);
    const consumer = await stage.consumer({ group: stage.name('g'), topics: [topic] });
    return stage.assigned(consumer, topic, 3);
  });

  for (const strategy of ['range', 'roundrobin', 'cooperative-sticky'] as const) {
    check(
      `two members share by ${strategy}, and one takes over what the other leaves`,
      [...MEMBER, `strategy:${strategy}`, 'send'],
      async (stage) => {
        const topic = await stage.topic(4);
        const group = stage.name('g');
        const first = await stage.consumer({ group, topics: [topic], strategy });
        await stage.assigned(first, topic, 4);
        const second = await stage.consumer({ group, topics: [topic], strategy });
        const shares = [
          await stage.assigned(first, topic, 2),
          await stage.assigned(second, topic, 2),
        ];
        expect(shares.flat().sort()).toEqual([0, 1, 2, 3]);
        await readShares(stage, topic, [first, second], shares);
        await stage.call('closeConsumer', { consumer: first });
        await stage.assigned(second, topic, 4);
        return shares.map((share) => share.length);
      },
    );
  }

  check(
    'a cooperative member keeps what it has while another joins',
    [...MEMBER, 'tells-revocation', 'strategy:cooperative-sticky'],
    async (stage) => {
      const topic = await stage.topic(4);
      const group = stage.name('g');
      const options = { group, topics: [topic], strategy: 'cooperative-sticky' as const };
      const first = await stage.consumer(options);
      await stage.assigned(first, topic, 4);
      const second = await stage.consumer(options);
      await stage.assigned(second, topic, 2);
      await stage.assigned(first, topic, 2);
      const { history } = await stage.call('assignment', { consumer: first });
      const revoked = history.filter(({ event }) => event === 'revoked');
      expect(revoked.flatMap(({ partitions }) => partitions)).toHaveLength(2);
    },
  );

  check(
    'an eager member gives up all while another joins',
    [...MEMBER, 'tells-revocation', 'strategy:roundrobin'],
    async (stage) => {
      const topic = await stage.topic(4);
      const options = { group: stage.name('g'), topics: [topic], strategy: 'roundrobin' as const };
      const first = await stage.consumer(options);
      await stage.assigned(first, topic, 4);
      const second = await stage.consumer(options);
      await stage.assigned(second, topic, 2);
      await stage.assigned(first, topic, 2);
      const { history } = await stage.call('assignment', { consumer: first });
      expect(history.find(({ event }) => event === 'revoked')?.partitions).toHaveLength(4);
    },
  );

  check(
    'the next member goes on where the last one committed',
    [...MEMBER, 'commitOffsets', 'send'],
    async (stage) => {
      const topic = await stage.topic();
      const group = stage.name('g');
      await stage.send(
        topic,
        ['a', 'b', 'c'].map((value) => ({ value, partition: 0 })),
      );
      const first = await stage.consumer({ group, topics: [topic] });
      await stage.receive(first, 3);
      await stage.call('commitOffsets', {
        consumer: first,
        offsets: [{ topic, partition: 0, offset: 2 }],
      });
      await stage.call('closeConsumer', { consumer: first });
      const second = await stage.consumer({ group, topics: [topic] });
      const records = await stage.receive(second, 1);
      expect(values(records)).toEqual(['c']);
    },
  );

  check(
    'a member that is closed leaves its place to the next',
    ['openConsumer', 'receive', 'closeConsumer', 'commits-on-close', 'send'],
    async (stage) => {
      const topic = await stage.topic();
      const group = stage.name('g');
      await stage.send(
        topic,
        ['a', 'b', 'c'].map((value) => ({ value, partition: 0 })),
      );
      const first = await stage.consumer({ group, topics: [topic] });
      expect(values(await stage.receive(first, 2))).toEqual(['a', 'b']);
      await stage.call('closeConsumer', { consumer: first });
      const second = await stage.consumer({ group, topics: [topic] });
      expect(values(await stage.receive(second, 1))).toEqual(['c']);
    },
  );

  check('what was not committed is read again', [...MEMBER, 'send'], async (stage) => {
    const topic = await stage.topic();
    const group = stage.name('g');
    await stage.send(
      topic,
      ['a', 'b'].map((value) => ({ value, partition: 0 })),
    );
    const first = await stage.consumer({ group, topics: [topic] });
    await stage.receive(first, 2);
    await stage.call('closeConsumer', { consumer: first });
    const second = await stage.consumer({ group, topics: [topic] });
    expect(values(await stage.receive(second, 2))).toEqual(['a', 'b']);
  });

  check('two groups read each for itself', [...MEMBER, 'send'], async (stage) => {
    const topic = await stage.topic();
    await stage.send(
      topic,
      ['a', 'b'].map((value) => ({ value, partition: 0 })),
    );
    for (const group of [stage.name('g'), stage.name('g')]) {
      const consumer = await stage.consumer({ group, topics: [topic] });
      expect(values(await stage.receive(consumer, 2))).toEqual(['a', 'b']);
    }
  });

  check('a member more than there are partitions waits for one', MEMBER, async (stage) => {
    const topic = await stage.topic();
    const group = stage.name('g');
    const members = [
      await stage.consumer({ group, topics: [topic] }),
      await stage.consumer({ group, topics: [topic] }),
    ];
    const having = () =>
      Promise.all(
        members.map(async (consumer) => {
          const { partitions } = await stage.call('assignment', { consumer });
          return partitions[topic]?.length ?? 0;
        }),
      );
    const shares = await stage.until(having, (counts) => counts[0]! + counts[1]! === 1);
    await stage.call('closeConsumer', { consumer: members[shares.indexOf(1)]! });
    await stage.assigned(members[shares.indexOf(0)]!, topic, 1);
  });

  check(
    'a member that is killed loses its partitions after its session',
    [...MEMBER, 'session-timeout'],
    async (stage) => {
      const topic = await stage.topic(2);
      const options = { group: stage.name('g'), topics: [topic], sessionTimeoutMs: 6_000 };
      const doomed = await stage.another();
      await doomed.call('openConsumer', { consumer: 'doomed', ...options });
      const survivor = await stage.consumer(options);
      await stage.assigned(survivor, topic, 1);
      await stage.until(
        () => doomed.call('assignment', { consumer: 'doomed' }),
        ({ partitions }) => partitions[topic]?.length === 1,
      );
      (doomed as unknown as { kill(): void }).kill();
      return stage.assigned(survivor, topic, 2);
    },
  );

  check(
    'a static member comes back without a rebalance',
    [...MEMBER, 'static-member'],
    async (stage) => {
      const topic = await stage.topic(2);
      const options = {
        group: stage.name('g'),
        topics: [topic],
        strategy: 'range' as const,
        sessionTimeoutMs: 20_000,
      };
      const stays = await stage.consumer({ ...options, instanceId: 'one' });
      await stage.assigned(stays, topic, 2);
      const leaves = await stage.consumer({ ...options, instanceId: 'two' });
      await stage.assigned(leaves, topic, 1);
      await stage.assigned(stays, topic, 1);
      // Read when both are there: a client may go round once more while the other joins.
      const [own] = await stage.assigned(leaves, topic, 1);
      const before = (await stage.call('assignment', { consumer: stays })).history.length;
      await stage.call('closeConsumer', { consumer: leaves });
      const back = await stage.consumer({ ...options, instanceId: 'two' });
      expect(await stage.assigned(back, topic, 1)).toEqual([own]);
      expect((await stage.call('assignment', { consumer: stays })).history).toHaveLength(before);
    },
  );

  check(
    'a static member is fenced by another of its name',
    [...MEMBER, 'tells-fencing', 'static-member'],
    async (stage) => {
      const topic = await stage.topic();
      const options = { group: stage.name('g'), topics: [topic], instanceId: 'one' };
      const old = await stage.consumer(options);
      await stage.assigned(old, topic, 1);
      const young = await stage.consumer(options);
      await stage.assigned(young, topic, 1);
      const code = await stage.refused(stage.receive(old, 1));
      expect(code).toBe('FENCED_INSTANCE_ID');
      return code;
    },
  );

  check(
    'a session shorter than the broker allows is refused',
    [...MEMBER, 'session-timeout'],
    async (stage) => {
      const topic = await stage.topic();
      const code = await stage.refused(
        (async () => {
          const options = { group: stage.name('g'), topics: [topic], sessionTimeoutMs: 1_000 };
          const consumer = await stage.consumer(options);
          await stage.receive(consumer, 1);
        })(),
      );
      expect(code).toBe('INVALID_SESSION_TIMEOUT');
      return code;
    },
  );

  check(
    'members that agree on no strategy are refused',
    [...MEMBER, 'strategy:range', 'strategy:roundrobin'],
    async (stage) => {
      const topic = await stage.topic(2);
      const group = stage.name('g');
      const first = await stage.consumer({ group, topics: [topic], strategy: 'range' });
      await stage.assigned(first, topic, 2);
      const code = await stage.refused(
        (async () => {
          const second = await stage.consumer({ group, topics: [topic], strategy: 'roundrobin' });
          await stage.receive(second, 1);
        })(),
      );
      expect(code).toBe('INCONSISTENT_GROUP_PROTOCOL');
      return code;
    },
  );

  check(
    'partitions that are added are given out',
    [...MEMBER, 'createPartitions', 'strategy:range'],
    async (stage) => {
      const topic = await stage.topic();
      const group = stage.name('g');
      const first = await stage.consumer({ group, topics: [topic] });
      await stage.assigned(first, topic, 1);
      await stage.call('createPartitions', { topic, total: 3 });
      // Whoever joins next makes all look at the topic again.
      const second = await stage.consumer({ group, topics: [topic] });
      const having = await stage.until(
        async () => {
          const members = await Promise.all(
            [first, second].map((consumer) => stage.call('assignment', { consumer })),
          );
          return members.flatMap(({ partitions }) => partitions[topic] ?? []).sort();
        },
        (partitions) => partitions.length === 3,
      );
      expect(having).toEqual([0, 1, 2]);
    },
  );
});
