import { randomUUID } from 'node:crypto';
import { systemClock } from '@rookery/core';
import { seededRandom } from '@rookery/core/testing';
import { EmbeddedKafka } from '@rookery/embedded-kafka';
import { useKafka } from '@rookery/testing/kafka';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type {
  ConsumerListener,
  IncomingRecord,
  KafkaConsumer,
  KafkaDriver,
} from './kafka-driver.js';
import { brokerHealth, consumerHealth } from '../kafka.health.js';
import { KafkaUnavailableError } from '../kafka.errors.js';
import { KafkajsDriver } from '../kafkajs/kafkajs.driver.js';
import { PlatformaticDriver } from '../platformatic/platformatic.driver.js';
import { freePort, until } from '../testing/member.js';
import { awaitBroker } from './await-broker.js';
import type { DriverOptions, DriverParts, DriverSettings } from './driver.options.js';

const NEVER = new AbortController().signal;

const kafka = useKafka();
/** Only our own broker loses answers, goes away and comes back when it is told to. */
const noOrders = kafka.external;
let lines: string[];
const drivers: KafkaDriver[] = [];
const brokers: EmbeddedKafka[] = [];

beforeEach(() => {
  lines = [];
});
afterEach(async () => {
  vi.restoreAllMocks();
  await Promise.all(drivers.splice(0).map((driver) => driver.close()));
  await Promise.all(brokers.splice(0).map((broker) => broker.stop()));
});

async function startBroker(port = 0): Promise<EmbeddedKafka> {
  const broker = await EmbeddedKafka.start({ port });
  brokers.push(broker);
  return broker;
}

type Create = (options: DriverSettings, parts: DriverParts) => KafkaDriver;

const DRIVERS: Record<string, Create> = {
  kafkajs: (options, parts) => new KafkajsDriver(options, parts),
  platformatic: (options, parts) => new PlatformaticDriver(options, parts),
};

async function topic(driver: KafkaDriver): Promise<string> {
  const name = `topic-${randomUUID()}`;
  await driver.admin().ensureTopics([{ topic: name, partitions: 1 }]);
  return name;
}

function listener(records: IncomingRecord[] = []): ConsumerListener {
  return {
    onAssigned: () => {},
    onRevoked: async () => {},
    onRecords: (batch) => void records.push(...batch.records),
  };
}

async function member(
  driver: KafkaDriver,
  name: string,
): Promise<[KafkaConsumer, IncomingRecord[]]> {
  const records: IncomingRecord[] = [];
  const consumer = driver.consumer({ group: `g-${name}`, topics: [name] });
  await consumer.start(listener(records));
  return [consumer, records];
}

describe.each(Object.entries(DRIVERS))('the %s driver', (_name, create) => {
  function open(options: Partial<DriverOptions> = {}): KafkaDriver {
    const driver = create(
      { brokers: kafka.brokers, clientId: 'spec', heartbeatMs: 200, ...options },
      {
        random: seededRandom(1),
        log: (level, message) => {
          if (level === 'warn' || level === 'error') lines.push(`${level}: ${message}`);
        },
      },
    );
    drivers.push(driver);
    return driver;
  }

  describe('at rest', () => {
    it('K27: sets no timer with a negative delay, few others, and hardly uses the processor', async () => {
      const timers = vi.spyOn(globalThis, 'setTimeout');
      const driver = open();
      const name = await topic(driver);
      const producer = driver.producer();
      const [, records] = await member(driver, name);
      await producer.send([{ topic: name, key: 'k', value: 'x' }]);
      await until(() => records.length === 1);
      timers.mockClear();
      const before = process.cpuUsage();
      await systemClock.sleep(2_000);
      const { user, system } = process.cpuUsage(before);
      const delays = timers.mock.calls.map(([, ms]) => ms);
      // The broker runs in this process as well; the busy loop of kafkajs took 70 ms and 1,700 timers.
      expect(delays.filter((ms) => typeof ms !== 'number' || !(ms > 0))).toEqual([]);
      expect(delays.length).toBeLessThan(60);
      expect((user + system) / 1_000).toBeLessThan(150);
    });

    it('K20: closes without waiting for a poll to end', async () => {
      const driver = open({ maxWaitMs: 5_000 });
      const name = await topic(driver);
      const [consumer] = await member(driver, name);
      await systemClock.sleep(50);
      const start = performance.now();
      await consumer.close();
      await driver.close();
      expect(performance.now() - start).toBeLessThan(500);
      // It has left the group: the next member need not wait for its session to time out.
      const [next] = await member(open(), name);
      expect(next.status.state).toBe('running');
      expect(performance.now() - start).toBeLessThan(2_000);
    });
  });

  describe('in the middle of something', () => {
    it('leaves no member behind when it is closed while it joins', async () => {
      const driver = open();
      const name = await topic(driver);
      for (let ms = 0; ms < 40; ms += 4) {
        const consumer = driver.consumer({ group: `g-${name}`, topics: [name] });
        const started = consumer.start(listener()).catch((error: unknown) => error);
        await systemClock.sleep(ms);
        await consumer.close();
        await started;
      }
      const start = performance.now();
      const [, records] = await member(driver, name);
      await driver.producer().send([{ topic: name, key: 'k', value: 'x' }]);
      await until(() => records.length === 1);
      // Far less than the session timeout, for which a member left behind would hold the group up.
      expect(performance.now() - start).toBeLessThan(5_000);
    });
  });

  describe('and a broker that is away', () => {
    it.skipIf(noOrders)(
      'waits for it at the start, with a line per try that says what to do',
      async () => {
        const port = await freePort();
        const driver = open({ brokers: [`127.0.0.1:${port}`] });
        const admin = driver.admin();
        const health = brokerHealth(admin, systemClock);
        expect(await health.check(NEVER)).toMatchObject({ status: 'down' });
        const waiting = awaitBroker(
          {
            admin,
            brokers: [`127.0.0.1:${port}`],
            clock: systemClock,
            random: seededRandom(1),
            log: (level, message) => lines.push(`${level}: ${message}`),
          },
          NEVER,
        );
        await until(() => lines.length >= 2, 'no lines');
        expect(lines[0]).toMatch(
          /^warn: kafka at 127\.0\.0\.1:\d+ does not answer \(.*ECONNREFUSED.*\); start it or correct kafka\.brokers; trying again in \d+ ms$/,
        );
        await startBroker(port);
        await waiting;
        expect(lines.at(-1)).toBe(`info: kafka at 127.0.0.1:${port} answers`);
      },
    );

    it('says so instead of sending', async () => {
      const driver = open({ brokers: [`127.0.0.1:${await freePort()}`] });
      await expect(
        driver.producer().send([{ topic: 't', key: 'k', value: 'x' }]),
      ).rejects.toBeInstanceOf(KafkaUnavailableError);
    });

    it.skipIf(noOrders)(
      'goes on by itself when it is back, and only degrades meanwhile',
      async () => {
        const broker = await startBroker();
        const driver = open({ brokers: broker.brokers });
        const name = await topic(driver);
        const [consumer, records] = await member(driver, name);
        const producer = driver.producer();
        await producer.send([{ topic: name, key: 'k', value: '1' }]);
        await until(() => records.length === 1);
        await broker.stop();
        await until(() => consumer.status.state === 'restarting');
        expect(await consumerHealth(driver).check(NEVER)).toMatchObject({ status: 'degraded' });
        await expect(
          producer.send([{ topic: name, key: 'k', value: 'lost' }]),
        ).rejects.toBeInstanceOf(KafkaUnavailableError);
        expect(lines.join()).toContain('is kafka running?');
        // Its memory is gone with it, as after a wiped development machine.
        const again = await startBroker(broker.port);
        expect(again.port).toBe(broker.port);
        await open({ brokers: again.brokers })
          .admin()
          .ensureTopics([{ topic: name, partitions: 1 }]);
        await until(() => consumer.status.state === 'running');
        await producer.send([{ topic: name, key: 'k', value: '2' }]);
        await until(() => records.length === 2);
        expect(consumer.status.crashes).toBe(0);
      },
    );
  });

  describe('and faults', () => {
    it('K14: counts crashes, and gives up after too many in a row', async () => {
      // Less than the broker allows, which it answers with an error that no retry can cure.
      const driver = open({ maxCrashes: 1, sessionTimeoutMs: 1_000 });
      const name = await topic(driver);
      const group = `g-${name}`;
      const consumer = driver.consumer({ group, topics: [name] });
      await expect(consumer.start(listener())).rejects.toMatchObject({ code: 'RKY_KAFKA_REQUEST' });
      expect(consumer.status).toMatchObject({ state: 'failed', crashes: 2 });
      expect(await consumerHealth(driver).check(NEVER)).toMatchObject({
        status: 'down',
        details: { [group]: { state: 'failed', crashes: 2 } },
      });
      expect(lines[0]).toMatch(
        /^warn: consumer of group g-\S+ stopped .* crash 1 of 1; trying again/,
      );
      expect(lines.at(-1)).toMatch(/^error: consumer of group g-\S+ stopped .* giving up$/);
    });

    it.skipIf(noOrders)(
      'takes a new producer id after a failure, so that nothing counts as sent that was not',
      async () => {
        const driver = open({ requestTimeoutMs: 300 });
        const name = await topic(driver);
        const producer = driver.producer();
        await producer.send([{ topic: name, key: 'k', value: '0' }]);
        // Stored, but the answer is lost for as long as the producer tries.
        const stop = kafka.embedded?.fault(({ api }) =>
          api === 'Produce' ? { at: 'response', action: 'disconnect' } : undefined,
        );
        await expect(producer.send([{ topic: name, key: 'k', value: 'a' }])).rejects.toMatchObject({
          retryable: true,
        });
        stop?.();
        // Of the same length as the one that failed: with its sequence number it would be dropped.
        await producer.send([{ topic: name, key: 'k', value: 'b' }]);
        const [, records] = await member(driver, name);
        await until(() => records.some(({ value }) => String(value) === 'b'));
        expect(records.map(({ value }) => String(value))).toEqual(['0', 'a', 'b']);
      },
    );

    it.skipIf(noOrders)('stores a record once when only its acknowledgement is lost', async () => {
      const driver = open({ requestTimeoutMs: 500 });
      const name = await topic(driver);
      let lost = 0;
      const stop = kafka.embedded?.fault(({ api }) =>
        api === 'Produce' && lost++ % 3 === 0
          ? { at: 'response', action: 'disconnect' }
          : undefined,
      );
      const producer = driver.producer();
      for (let i = 0; i < 10; i += 1) {
        await producer.send([{ topic: name, key: 'k', value: `${i}` }]);
      }
      stop?.();
      expect(lost).toBeGreaterThan(10);
      const [, records] = await member(driver, name);
      await until(() => records.length >= 10);
      expect(records.map(({ value }) => String(value))).toEqual([...Array(10).keys()].map(String));
    });
  });
});
