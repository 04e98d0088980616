import { expect } from 'vitest';
import { area } from './check.js';

/** Creating, describing and deleting topics. */
export const TOPICS = area('topics', (check) => {
  check('the cluster has a node, and it is the controller', ['describeCluster'], async (stage) => {
    const cluster = await stage.call('describeCluster', {});
    expect(cluster.nodes).toBe(1);
    expect(cluster.controller).not.toBe(false);
    return cluster;
  });

  check(
    'is created with the partitions asked for',
    ['createTopic', 'describeTopic'],
    async (stage) => {
      const topic = stage.name('topic');
      await stage.call('createTopic', { topic, partitions: 3 });
      const described = await stage.settled(() => stage.call('describeTopic', { topic }));
      expect(described).toEqual({ partitions: 3, replicas: 1 });
      return described;
    },
  );

  check(
    'is created with the default number of partitions',
    ['createTopic', 'describeTopic'],
    async (stage) => {
      const topic = stage.name('topic');
      await stage.call('createTopic', { topic });
      const described = await stage.settled(() => stage.call('describeTopic', { topic }));
      expect(described.partitions).toBe(1);
      return described;
    },
  );

  check('is listed', ['createTopic', 'listTopics'], async (stage) => {
    const topic = stage.name('topic');
    await stage.call('createTopic', { topic, partitions: 1 });
    await stage.until(
      () => stage.call('listTopics', {}),
      ({ topics }) => topics.includes(topic),
    );
  });

  check('is refused when it exists', ['createTopic'], async (stage) => {
    const topic = await stage.topic();
    const code = await stage.refused(stage.call('createTopic', { topic, partitions: 1 }));
    expect(code).toBe('TOPIC_ALREADY_EXISTS');
    return code;
  });

  for (const [kind, name] of [
    ['a space', 'no spaces'],
    ['a slash', 'a/b'],
    ['250 characters', 'x'.repeat(250)],
    ['the name of a folder', '..'],
  ] as const) {
    check(`is refused with ${kind}`, ['createTopic'], async (stage) => {
      const code = await stage.refused(stage.call('createTopic', { topic: name, partitions: 1 }));
      expect(code).toBe('INVALID_TOPIC_EXCEPTION');
      return code;
    });
  }

  check('may have a name of 249 characters', ['createTopic', 'describeTopic'], async (stage) => {
    const topic = stage.name('long').padEnd(249, '-._Az09');
    await stage.call('createTopic', { topic, partitions: 1 });
    return stage.settled(() => stage.call('describeTopic', { topic }));
  });

  check(
    'is refused when its name differs from another by . and _ alone',
    ['createTopic'],
    async (stage) => {
      const name = stage.name('collides');
      await stage.call('createTopic', { topic: `${name}.x`, partitions: 1 });
      const code = await stage.refused(
        stage.call('createTopic', { topic: `${name}_x`, partitions: 1 }),
      );
      expect(code).toBe('INVALID_TOPIC_EXCEPTION');
      return code;
    },
  );

  check('is refused with no partitions', ['createTopic'], async (stage) => {
    const topic = stage.name('topic');
    const code = await stage.refused(stage.call('createTopic', { topic, partitions: 0 }));
    expect(code).toBe('INVALID_PARTITIONS');
    return code;
  });

  check('is refused with more copies than nodes', ['createTopic'], async (stage) => {
    const topic = stage.name('topic');
    const code = await stage.refused(
      stage.call('createTopic', { topic, partitions: 1, replicationFactor: 3 }),
    );
    expect(code).toBe('INVALID_REPLICATION_FACTOR');
    return code;
  });

  for (const [kind, configs] of [
    ['an unknown config', { 'no.such.config': '1' }],
    ['a config that is no number', { 'retention.ms': 'soon' }],
    ['a config out of range', { 'segment.bytes': '1' }],
  ] as const) {
    check(`is refused with ${kind}`, ['createTopic', 'listTopics'], async (stage) => {
      const topic = stage.name('topic');
      const code = await stage.refused(
        stage.call('createTopic', { topic, partitions: 1, configs }),
      );
      expect(code).toBe('INVALID_CONFIG');
      expect((await stage.call('listTopics', {})).topics).not.toContain(topic);
      return code;
    });
  }

  check(
    'is not created when only validated',
    ['createTopic', 'listTopics', 'validate-only'],
    async (stage) => {
      const topic = stage.name('topic');
      await stage.call('createTopic', { topic, partitions: 1, validateOnly: true });
      expect((await stage.call('listTopics', {})).topics).not.toContain(topic);
    },
  );

  check('that is unknown is not described', ['describeTopic'], async (stage) => {
    const code = await stage.refused(stage.call('describeTopic', { topic: stage.name('no') }));
    expect(code).toBe('UNKNOWN_TOPIC_OR_PARTITION');
    return code;
  });

  check('is gone once deleted', ['deleteTopic', 'listTopics'], async (stage) => {
    const topic = await stage.topic(2);
    await stage.call('deleteTopic', { topic });
    const { topics } = await stage.until(
      () => stage.call('listTopics', {}),
      (answer) => !answer.topics.includes(topic),
    );
    expect(topics).not.toContain(topic);
  });

  check('that is unknown is not deleted', ['deleteTopic'], async (stage) => {
    const code = await stage.refused(stage.call('deleteTopic', { topic: stage.name('no') }));
    expect(code).toBe('UNKNOWN_TOPIC_OR_PARTITION');
    return code;
  });

  check(
    'begins anew when it is created again',
    ['createTopic', 'deleteTopic', 'listTopics', 'send', 'listOffset'],
    async (stage) => {
      const topic = await stage.topic();
      await stage.send(topic, [{ value: 'old', partition: 0 }]);
      await stage.call('deleteTopic', { topic });
      await stage.until(
        () => stage.call('listTopics', {}),
        (answer) => !answer.topics.includes(topic),
      );
      await stage.call('createTopic', { topic, partitions: 1 });
      const end = await stage.settled(() =>
        stage.call('listOffset', { topic, partition: 0, at: 'latest' }),
      );
      expect(end.offset).toBe(0);
      return end;
    },
  );

  check('gets more partitions', ['createPartitions', 'describeTopic'], async (stage) => {
    const topic = await stage.topic(2);
    await stage.call('createPartitions', { topic, total: 5 });
    const described = await stage.until(
      () => stage.call('describeTopic', { topic }),
      (answer) => answer.partitions === 5,
    );
    return described;
  });

  for (const [kind, total] of [
    ['fewer', 1],
    ['as many', 2],
  ] as const) {
    check(`does not get ${kind} partitions`, ['createPartitions'], async (stage) => {
      const topic = await stage.topic(2);
      const code = await stage.refused(stage.call('createPartitions', { topic, total }));
      expect(code).toBe('INVALID_PARTITIONS');
      return code;
    });
  }

  check('that is unknown gets no partitions', ['createPartitions'], async (stage) => {
    const code = await stage.refused(
      stage.call('createPartitions', { topic: stage.name('no'), total: 2 }),
    );
    expect(code).toBe('UNKNOWN_TOPIC_OR_PARTITION');
    return code;
  });
});
