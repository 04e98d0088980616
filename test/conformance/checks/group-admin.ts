import { expect } from 'vitest';
import type { Need } from '../port/operations.js';
import type { Stage } from '../suite/stage.js';
import { area } from './check.js';

const MEMBER: Need[] = ['openConsumer', 'receive', 'closeConsumer', 'stays-joined'];
const COMMITS: Need[] = [...MEMBER, 'commitOffsets'];
const COMMITTED: Need[] = ['groupOffsets', 'send'];

/**
 * A group that read three records of a topic, committed two and has no members: the client's, if it
 * can.
 */
async function leftGroup(stage: Stage): Promise<{ group: string; topic: string }> {
  const topic = await stage.topic(2);
  if (!COMMITS.every((need) => stage.client.offers.has(need))) {
    return { group: await stage.leftByAnother(topic, 3, 2), topic };
  }
  const group = stage.name('g');
  await stage.send(
    topic,
    [0, 0, 0].map((partition) => ({ value: 'x', partition })),
  );
  const consumer = await stage.consumer({ group, topics: [topic] });
  await stage.receive(consumer, 3);
  await stage.call('commitOffsets', { consumer, offsets: [{ topic, partition: 0, offset: 2 }] });
  await stage.call('closeConsumer', { consumer });
  return { group, topic };
}

/** A group with one member: the client's, if it can. */
async function joinedGroup(stage: Stage): Promise<{ group: string; topic: string }> {
  const topic = await stage.topic(2);
  if (!MEMBER.every((need) => stage.client.offers.has(need))) {
    return { group: await stage.joinedByAnother(topic), topic };
  }
  const group = stage.name('g');
  await stage.send(topic, [{ value: 'x', partition: 0 }]);
  const consumer = await stage.consumer({ group, topics: [topic] });
  await stage.receive(consumer, 1);
  return { group, topic };
}

/** Looking at groups from outside, and changing what they committed. */
export const GROUP_ADMIN = area('group admin', (check) => {
  check('tells what was committed', COMMITTED, async (stage) => {
    const { group, topic } = await leftGroup(stage);
    const { offsets } = await stage.call('groupOffsets', { group, topic, partitions: 2 });
    expect(offsets).toEqual([2, null]);
  });

  check(
    'tells what was noted with a commit',
    [...COMMITTED, ...COMMITS, 'offset-metadata'],
    async (stage) => {
      const topic = await stage.topic();
      const group = stage.name('g');
      await stage.send(topic, [{ value: 'x', partition: 0 }]);
      const consumer = await stage.consumer({ group, topics: [topic] });
      await stage.receive(consumer, 1);
      await stage.call('commitOffsets', {
        consumer,
        offsets: [{ topic, partition: 0, offset: 1, metadata: 'by hand, ü' }],
      });
      const committed = await stage.call('groupOffsets', { group, topic, partitions: 1 });
      expect(committed).toEqual({ offsets: [1], metadata: ['by hand, ü'] });
    },
  );

  check(
    'refuses a note that is too long',
    [...COMMITTED, ...COMMITS, 'offset-metadata'],
    async (stage) => {
      const topic = await stage.topic();
      await stage.send(topic, [{ value: 'x', partition: 0 }]);
      const consumer = await stage.consumer({ group: stage.name('g'), topics: [topic] });
      await stage.receive(consumer, 1);
      const offsets = [{ topic, partition: 0, offset: 1, metadata: 'x'.repeat(5_000) }];
      const code = await stage.refused(stage.call('commitOffsets', { consumer, offsets }));
      expect(code).toBe('OFFSET_METADATA_TOO_LARGE');
      return code;
    },
  );

  check('finds nothing committed by an unknown group', ['groupOffsets'], async (stage) => {
    const topic = await stage.topic();
    const answer = await stage.call('groupOffsets', {
      group: stage.name('no'),
      topic,
      partitions: 1,
    });
    expect(answer.offsets).toEqual([null]);
  });

  check('lists a group', ['listGroups', 'send'], async (stage) => {
    const { group } = await joinedGroup(stage);
    expect((await stage.call('listGroups', {})).groups).toContain(group);
  });

  check('describes a group with its member', ['describeGroup', 'send'], async (stage) => {
    const { group, topic } = await joinedGroup(stage);
    const described = await stage.call('describeGroup', { group });
    expect(described.state).toBe('Stable');
    expect(described.members).toHaveLength(1);
    const [{ assignment, ...member }] = described.members as [(typeof described.members)[0]];
    if (assignment !== null) expect(assignment).toEqual({ [topic]: [0, 1] });
    const { clientId } = member;
    return { state: described.state, protocol: described.protocol, clientId };
  });

  check(
    'describes a group that all left as empty',
    [...COMMITTED, 'describeGroup'],
    async (stage) => {
      const { group } = await leftGroup(stage);
      const described = await stage.call('describeGroup', { group });
      expect(described.members).toEqual([]);
      expect(described.state).toBe('Empty');
    },
  );

  check('describes an unknown group as dead, or not at all', ['describeGroup'], async (stage) => {
    const group = stage.name('no');
    const code = await stage.refused(
      stage.call('describeGroup', { group }).then(({ state }) => {
        expect(state).toBe('Dead');
      }),
    );
    // The Java client asks with the version of the API that tells them apart.
    const java = 'GROUP_ID_NOT_FOUND';
    expect(code).toBe(stage.expected('NOT_REFUSED', { java, console: java }));
    return code;
  });

  check('deletes a group with what it committed', [...COMMITTED, 'deleteGroup'], async (stage) => {
    const { group, topic } = await leftGroup(stage);
    await stage.call('deleteGroup', { group });
    const { offsets } = await stage.call('groupOffsets', { group, topic, partitions: 2 });
    expect(offsets).toEqual([null, null]);
  });

  check('deletes no group that has members', ['deleteGroup', 'send'], async (stage) => {
    const { group } = await joinedGroup(stage);
    const code = await stage.refused(stage.call('deleteGroup', { group }));
    expect(code).toBe('NON_EMPTY_GROUP');
    return code;
  });

  check('deletes no unknown group', ['deleteGroup'], async (stage) => {
    const code = await stage.refused(stage.call('deleteGroup', { group: stage.name('no') }));
    expect(code).toBe('GROUP_ID_NOT_FOUND');
    return code;
  });

  check(
    'moves what a group committed',
    [...COMMITTED, 'alterGroupOffsets', 'receive'],
    async (stage) => {
      const { group, topic } = await leftGroup(stage);
      await stage.call('alterGroupOffsets', {
        group,
        offsets: [{ topic, partition: 0, offset: 1 }],
      });
      const { offsets } = await stage.call('groupOffsets', { group, topic, partitions: 2 });
      expect(offsets).toEqual([1, null]);
      const consumer = await stage.consumer({ group, topics: [topic] });
      const records = await stage.receive(consumer, 2);
      expect(records.map(({ offset }) => offset)).toEqual([1, 2]);
    },
  );

  check(
    'commits for a group that never had members',
    ['alterGroupOffsets', 'groupOffsets', 'send'],
    async (stage) => {
      const topic = await stage.topic();
      const group = stage.name('g');
      // Console tools set no offset beyond the end.
      await stage.send(
        topic,
        [0, 1, 2, 3, 4, 5, 6, 7, 8].map((i) => ({ value: `${i}`, partition: 0 })),
      );
      await stage.call('alterGroupOffsets', {
        group,
        offsets: [{ topic, partition: 0, offset: 7 }],
      });
      const { offsets } = await stage.call('groupOffsets', { group, topic, partitions: 1 });
      expect(offsets).toEqual([7]);
    },
  );

  check('moves nothing while a group has members', ['alterGroupOffsets', 'send'], async (stage) => {
    const { group, topic } = await joinedGroup(stage);
    const code = await stage.refused(
      stage.call('alterGroupOffsets', { group, offsets: [{ topic, partition: 0, offset: 0 }] }),
    );
    // Those that look at the group first do not ask.
    const own = {
      kafkajs: 'CLIENT:KafkaJSNonRetriableError',
      console: 'CLIENT:GROUP_IS_ACTIVE',
    };
    expect(code).toBe(stage.expected('UNKNOWN_MEMBER_ID', own));
    return code;
  });

  check(
    'forgets what a group committed for a partition',
    [...COMMITTED, 'deleteGroupOffsets'],
    async (stage) => {
      const { group, topic } = await leftGroup(stage);
      await stage.call('deleteGroupOffsets', { group, topic, partitions: [0] });
      const { offsets } = await stage.call('groupOffsets', { group, topic, partitions: 2 });
      expect(offsets).toEqual([null, null]);
    },
  );

  check(
    'forgets nothing that members are subscribed to',
    ['deleteGroupOffsets', 'send'],
    async (stage) => {
      const { group, topic } = await joinedGroup(stage);
      const code = await stage.refused(
        stage.call('deleteGroupOffsets', { group, topic, partitions: [0] }),
      );
      expect(code).toBe('GROUP_SUBSCRIBED_TO_TOPIC');
      return code;
    },
  );
});
