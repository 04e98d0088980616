import { appendFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { EmbeddedKafka } from './index.js';
import { brokerChildren } from './testing/broker-child.js';
import { ProtocolClient } from './testing/protocol-client.js';
import { sequenced } from './testing/record-batch-builder.js';
import { temporaryDirectory } from './testing/temporary-directory.js';
import { joined, Reader, startBroker, TestClient } from './testing/use-broker.js';
import { joinGroupApi, syncGroupApi } from './protocol/apis/membership.api.js';
import { offsetCommitApi } from './protocol/apis/offsets.api.js';
import { ErrorCode } from './protocol/error-code.js';
import { createTopic } from './testing/raw-broker.js';
import { initProducerIdApi, produceApi } from './protocol/apis/produce.api.js';

describe('a broker started again on its data directory', () => {
  it('has topics, configs, records, offsets and its identity as before', async () => {
    const dataDirectory = temporaryDirectory();
    const first = await EmbeddedKafka.start({ dataDirectory });
    const before = new TestClient(first);
    const admin = await before.admin();
    await admin.createTopics({
      topics: [
        {
          topic: 't',
          numPartitions: 3,
          configEntries: [{ name: 'retention.ms', value: '99999999' }],
        },
      ],
    });
    const { clusterId } = await admin.describeCluster();
    const producer = await before.producer();
    await producer.send({
      topic: 't',
      messages: Array.from({ length: 30 }, (_, n) => ({ key: `${n}`, value: `v${n}` })),
    });
    await before.read('g', ['t'], (all) => all.length === 30);
    await producer.send({ topic: 't', messages: [{ value: 'later' }] });
    const offsets = await admin.fetchTopicOffsets('t');
    await Promise.all([admin.disconnect(), producer.disconnect()]);
    await first.stop();

    const after = new TestClient(await startBroker({ dataDirectory }));
    const adminAfter = await after.admin();
    expect((await adminAfter.describeCluster()).clusterId).toBe(clusterId);
    expect(await adminAfter.fetchTopicOffsets('t')).toEqual(offsets);
    expect((await adminAfter.listGroups()).groups).toEqual([
      { groupId: 'g', protocolType: 'consumer' },
    ]);
    const got = await after.read('g', ['t'], (all) => all.length === 1);
    expect(got[0]?.value).toBe('later');
    expect(await after.read('new', ['t'], (all) => all.length === 31)).toHaveLength(31);
  });

  it('never hands out a producer id twice, and fences members of before', async () => {
    const dataDirectory = temporaryDirectory();
    const ids: number[] = [];
    const generations: number[] = [];
    let former: { memberId: string; generationId: number } | undefined;
    for (let start = 0; start < 3; start++) {
      const broker = await EmbeddedKafka.start({ dataDirectory });
      const client = await ProtocolClient.connect(broker.port);
      if (start === 0) await createTopic(client, 't');
      for (let n = 0; n < 3; n++) {
        const request = { transactionalId: null, transactionTimeoutMs: 1 };
        ids.push((await client.call(initProducerIdApi, 1, request)).producerId);
      }
      const { memberId, generationId } = await client.call(joinGroupApi, 3, {
        groupId: 'g',
        sessionTimeoutMs: 6_000,
        memberId: '',
        protocolType: 'consumer',
        protocols: [{ name: 'range', metadata: Buffer.alloc(0) }],
      });
      const member = { memberId, generationId };
      await client.call(syncGroupApi, 3, { groupId: 'g', ...member, assignments: [] });
      const commit = async (who: typeof member): Promise<number | undefined> => {
        const { topics } = await client.call(offsetCommitApi, 5, {
          groupId: 'g',
          ...who,
          topics: [{ name: 't', partitions: [{ index: 0, offset: 1, metadata: null }] }],
        });
        return topics[0]?.partitions[0]?.errorCode;
      };
      expect(await commit(member)).toBe(ErrorCode.NONE);
      if (former !== undefined) expect(await commit(former)).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
      former = member;
      generations.push(generationId);
      await broker.stop();
    }
    expect(new Set(ids).size).toBe(9);
    expect(generations).toEqual([1, 2, 3]);
  });

  it('is found again by clients that stayed connected', async () => {
    const dataDirectory = temporaryDirectory();
    const first = await EmbeddedKafka.start({ dataDirectory });
    const client = new TestClient(first);
    await (await client.admin()).createTopics({ topics: [{ topic: 't', numPartitions: 2 }] });
    const producer = await client.producer();
    const consumer = await client.consumer('g');
    const reader = new Reader();
    const ready = joined(consumer);
    await reader.run(consumer, ['t']);
    await ready;
    await producer.send({ topic: 't', messages: [{ value: 'a' }] });
    await reader.until((all) => all.length === 1);
    await first.stop();
    await startBroker({ dataDirectory, port: first.port });
    await producer.send({ topic: 't', messages: [{ value: 'b' }] });
    await reader.until((all) => all.some(({ value }) => value === 'b'));
    expect(reader.got.map(({ value }) => value)).toEqual(['a', 'b']);
  });
});

describe('a broker process that was killed', () => {
  const { spawn, kill } = brokerChildren();

  const send = async (port: number, sequence: number): Promise<[number, number]> => {
    const client = await ProtocolClient.connect(port);
    try {
      return await sendOn(client, sequence);
    } finally {
      client.close();
    }
  };

  const sendOn = async (client: ProtocolClient, sequence: number): Promise<[number, number]> => {
    const { topics } = await client.call(produceApi, 7, {
      transactionalId: null,
      acks: -1,
      timeoutMs: 1_000,
      topics: [{ name: 't', partitions: [{ index: 0, records: sequenced(10, sequence) }] }],
    });
    const { errorCode, baseOffset } = topics[0]?.partitions[0] ?? { errorCode: -1, baseOffset: -1 };
    return [errorCode, baseOffset];
  };

  it('keeps all that it answered, and goes on with an idempotent producer', async () => {
    const dataDirectory = temporaryDirectory();
    let { child, port } = await spawn(dataDirectory);
    let acknowledged = 0;
    for (let round = 0; round < 3; round++) {
      const client = await ProtocolClient.connect(port);
      const until = acknowledged + 50;
      // Killed with requests on their way: some are stored without an answer.
      const answers: Promise<[number, number]>[] = [];
      for (let batch = acknowledged; batch < until + 20; batch++) {
        answers.push(sendOn(client, batch * 10));
      }
      const settled = Promise.allSettled(answers);
      await answers[until - acknowledged - 1];
      await kill(child);
      for (const result of await settled) {
        if (result.status === 'rejected') break;
        expect(result.value).toEqual([0, acknowledged * 10]);
        acknowledged++;
      }
      expect(acknowledged).toBeGreaterThanOrEqual(until);
      ({ child, port } = await spawn(dataDirectory));
      // The last answered batch again, as if its answer had been lost: recognised, not stored.
      expect(await send(port, (acknowledged - 1) * 10)).toEqual([0, (acknowledged - 1) * 10]);
      // What was on its way is either there already or stored now, at the same place.
      for (let more = 0; more < 20; more++, acknowledged++) {
        const [errorCode, baseOffset] = await send(port, acknowledged * 10);
        if (errorCode === 45) continue;
        expect([errorCode, baseOffset]).toEqual([0, acknowledged * 10]);
      }
    }
    await kill(child);
    const after = new TestClient(await startBroker({ dataDirectory }));
    const got = await after.read('g', ['t'], (all) => all.length === acknowledged * 10);
    expect(got.map(({ value }) => value)).toEqual(got.map((_, n) => `7:${n}`));
  });

  it('cuts off what the last write left half done', async () => {
    const dataDirectory = temporaryDirectory();
    const { child, port } = await spawn(dataDirectory);
    for (let n = 0; n < 5; n++) await send(port, n * 10);
    await kill(child);
    const logs = join(dataDirectory, 'logs');
    const [topic] = readdirSync(logs);
    const torn = sequenced(10, 50);
    torn.writeBigInt64BE(50n, 0);
    appendFileSync(
      join(logs, topic as string, '0', `${'0'.repeat(20)}.log`),
      torn.subarray(0, torn.length - 3),
    );
    const lines: string[] = [];
    const broker = await startBroker({ dataDirectory, log: (line) => lines.push(line) });
    expect(lines[0]).toContain('t-0: cut');
    expect(await send(broker.port, 40)).toEqual([0, 40]);
    expect(await send(broker.port, 50)).toEqual([0, 50]);
    const got = await new TestClient(broker).read('g', ['t'], (all) => all.length === 60);
    expect(got.at(-1)?.value).toBe('7:59');
  });
});
