import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import { EmbeddedKafka } from '@rookery/embedded-kafka';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { Kcat, whyNoKcat } from './kcat.js';

const obstacle = await whyNoKcat();
if (obstacle !== undefined) process.stderr.write(`Skipped: librdkafka, because ${obstacle}\n`);

const password = 'wonder land';

async function sendsSoundNonce(): Promise<boolean> {
  const { stdout } = await promisify(execFile)('kcat', ['-V']);
  const [major = 0, minor = 0, patch = 0] =
    /librdkafka (\d+)\.(\d+)\.(\d+)/.exec(stdout)?.slice(1).map(Number) ?? [];
  return major * 10_000 + minor * 100 + patch >= 20_601;
}

/** What only the embedded broker offers: users, several nodes and their faults. */
describe.skipIf(obstacle !== undefined)('librdkafka on an embedded cluster', () => {
  const start = async (options: Parameters<typeof EmbeddedKafka.start>[0]) => {
    const kafka = await EmbeddedKafka.start({ autoCreateTopics: true, ...options });
    onTestFinished(() => kafka.stop());
    return { kafka, kcat: new Kcat(kafka.brokers), topic: `kcat-${randomUUID()}` };
  };
  const login = (mechanism: string, secret = password): string[] =>
    [
      'security.protocol=sasl_plaintext',
      `sasl.mechanism=${mechanism}`,
      'sasl.username=alice',
      `sasl.password=${secret}`,
    ].flatMap((option) => ['-X', option]);

  it.each(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'])('authenticates by %s', async (mechanism) => {
    const lines: string[] = [];
    const { kcat, topic } = await start({
      nodes: 2,
      sasl: { users: { alice: password } },
      log: (line) => lines.push(line),
    });
    if (mechanism !== 'PLAIN' && !(await sendsSoundNonce())) {
      // librdkafka before 2.6.1 repeats its nonce, which Kafka 4 refuses as well (CVE-2024-56128).
      await expect(kcat.produce(topic, ['a:1'], ...login(mechanism))).rejects.toThrow(
        /invalid credentials/,
      );
      expect(lines.at(-1)).toContain('wrong nonce');
      return;
    }
    await kcat.produce(topic, ['a:1', 'b:2'], ...login(mechanism));
    const got = await kcat.consume(topic, ...login(mechanism));
    expect(got.map(({ payload }) => payload)).toEqual(['1', '2']);
    await expect(kcat.metadata('-m', '2', ...login(mechanism, 'wrong'))).rejects.toThrow(
      /invalid credentials/,
    );
    expect(lines.at(-1)).toMatch(/failed: wrong (user|proof)/);
  });

  it('sees all nodes and who leads what', async () => {
    const { kafka, kcat, topic } = await start({ nodes: 3, defaultPartitions: 3 });
    await kcat.produce(topic, ['a:1']);
    const { brokers, topics } = await kcat.metadata('-t', topic);
    expect(brokers.map(({ id, name }) => [id, name])).toEqual(
      kafka.brokers.map((address, index) => [index + 1, address]),
    );
    const leaders = [0, 1, 2].map((partition) => kafka.faults.leaderOf(topic, partition));
    expect(topics[0]?.partitions).toMatchObject(leaders.map((leader) => ({ leader })));
  });

  it('follows leaders and coordinators that move, and outlives a node', async () => {
    const { kafka, kcat, topic } = await start({ nodes: 3, defaultPartitions: 3 });
    const { faults } = kafka;
    const quickly = ['-X', 'reconnect.backoff.max.ms=100', '-E'];
    const idempotent = [
      '-X',
      'enable.idempotence=true',
      '-X',
      'topic.metadata.refresh.fast.interval.ms=50',
    ];
    const lines = (from: number) => Array.from({ length: 30 }, (_, n) => `k${n}:v${from + n}`);
    await kcat.produce(topic, lines(0));
    const member = kcat.join('g', topic, ...quickly);
    const seen = (count: number) =>
      Promise.race([
        vi.waitUntil(
          () => new Set(member.records().map(({ payload }) => payload)).size >= count,
          20_000,
        ),
        member.failed,
      ]);
    try {
      await seen(30);
      for (const partition of [0, 1, 2]) faults.moveLeader(topic, partition);
      faults.moveCoordinator('g');
      await kcat.produce(topic, lines(30), ...quickly, ...idempotent);
      await seen(60);
      await faults.stopNode(faults.leaderOf(topic, 0));
      await kcat.produce(topic, lines(60), ...quickly, ...idempotent);
      await seen(90);
      await faults.healAll();
    } finally {
      await member.end();
    }
    const stored = await kcat.consume(topic);
    expect(stored).toHaveLength(90);
  });
});
