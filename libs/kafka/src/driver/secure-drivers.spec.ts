import { connect } from 'node:net';
import { createServer, type Server } from 'node:tls';
import { EmbeddedKafka } from '@rookery/embedded-kafka';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KafkajsDriver } from '../kafkajs/kafkajs.driver.js';
import { PlatformaticDriver } from '../platformatic/platformatic.driver.js';
import { tlsOptions } from '../kafka.tls.js';
import { Member } from '../testing/member.js';
import { CERTIFICATE, PRIVATE_KEY } from '../testing/self-signed.js';
import type { SaslOptions } from './driver.options.js';

const DRIVERS = [
  ['kafkajs', KafkajsDriver],
  ['platformatic', PlatformaticDriver],
] as const;
const MECHANISMS = ['plain', 'scram-sha-256', 'scram-sha-512'] as const;
const PASSWORD = 'hush-4711';

describe.each(DRIVERS)('SASL with the driver %s', (_name, Driver) => {
  let broker: EmbeddedKafka;
  beforeAll(async () => {
    broker = await EmbeddedKafka.start({ sasl: { users: { orders: PASSWORD } } });
  });
  afterAll(() => broker.stop());

  it.each(MECHANISMS)('sends and reads after %s', async (mechanism) => {
    const sasl: SaslOptions = { mechanism, username: 'orders', password: PASSWORD };
    const driver = new Driver({ brokers: broker.brokers, clientId: 'spec', sasl });
    const topic = `t-${mechanism}`;
    await driver.admin().ensureTopics([{ topic, partitions: 1 }]);
    await driver.producer().send([{ topic, key: 'k', value: 'x' }]);
    const reader = new Member(driver.consumer({ group: `g-${mechanism}`, topics: [topic] }));
    await reader.start();
    await reader.until(() => reader.records.length === 1);
    expect(reader.values()).toEqual(['x']);
    await driver.close();
  });

  it.each([
    ['a wrong password', { mechanism: 'plain', username: 'orders', password: 'wrong-4712' }],
    [
      'a wrong SCRAM password',
      { mechanism: 'scram-sha-256', username: 'orders', password: 'wrong-4712' },
    ],
    ['no user', undefined],
  ] as const)('says what is wrong with %s, and never the password', async (_what, sasl) => {
    const lines: string[] = [];
    const driver = new Driver(
      { brokers: broker.brokers, clientId: 'spec', sasl, maxCrashes: 0, requestTimeoutMs: 2_000 },
      { log: (...line) => lines.push(JSON.stringify(line)) },
    );
    const error = await driver
      .admin()
      .ping()
      .then(
        () => undefined,
        (reason: unknown) => reason as Error,
      );
    expect(error).toMatchObject({
      code: expect.stringMatching(/^RKY_KAFKA_(REQUEST|UNAVAILABLE)$/),
    });
    if (sasl !== undefined) {
      expect(error?.message).toMatch(/auth/i);
      const joining = driver.consumer({ group: 'g', topics: ['t'] }).start({
        onAssigned: () => {},
        onRecords: () => {},
        onRevoked: async () => {},
      });
      // It is a mistake, which waiting does not mend.
      await expect(joining).rejects.toMatchObject({ code: 'RKY_KAFKA_REQUEST' });
    }
    expect(`${error?.message} ${lines.join()}`).not.toContain('4712');
    await driver.close();
  });
});

describe.each(DRIVERS)('TLS with the driver %s', (_name, Driver) => {
  let broker: EmbeddedKafka;
  let front: Server;
  let brokers: string[];

  beforeAll(async () => {
    broker = await EmbeddedKafka.start();
    front = createServer({ cert: CERTIFICATE, key: PRIVATE_KEY }, (client) => {
      const back = connect(broker.port, '127.0.0.1');
      client.pipe(back);
      back.on('data', (bytes: Buffer) => client.write(advertised(bytes)));
      back.on('end', () => client.end());
      for (const socket of [client, back]) {
        socket.on('error', () => {
          client.destroy();
          back.destroy();
        });
      }
    });
    await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
    brokers = [`localhost:${(front.address() as { port: number }).port}`];
  });
  afterAll(async () => {
    await broker.stop();
    front.close();
  });

  /** The broker tells clients to come to its own port; they shall come here. */
  function advertised(bytes: Buffer): Buffer {
    const host = Buffer.from('127.0.0.1');
    for (let at = bytes.indexOf(host); at >= 0; at = bytes.indexOf(host, at + 1)) {
      const port = at + host.length;
      if (bytes.length >= port + 4 && bytes.readInt32BE(port) === broker.port) {
        bytes.writeInt32BE(Number(brokers[0]?.split(':')[1]), port);
      }
    }
    return bytes;
  }

  it('sends and reads', async () => {
    const ssl = await tlsOptions({ ssl: true, tls: { ca: CERTIFICATE, verify: true } });
    const driver = new Driver({ brokers, clientId: 'spec', ssl });
    await driver.admin().ensureTopics([{ topic: 't', partitions: 1 }]);
    await driver.producer().send([{ topic: 't', key: 'k', value: 'x' }]);
    const reader = new Member(driver.consumer({ group: 'g', topics: ['t'] }));
    await reader.start();
    await reader.until(() => reader.records.length === 1);
    expect(reader.values()).toEqual(['x']);
    await driver.close();
  });

  const ping = async (ssl: Awaited<ReturnType<typeof tlsOptions>>): Promise<void> => {
    const driver = new Driver({ brokers, clientId: 'spec', ssl, requestTimeoutMs: 2_000 });
    await driver
      .admin()
      .ping()
      .finally(() => driver.close());
  };

  it('trusts the authority it is told to', async () => {
    const ssl = await tlsOptions({ ssl: false, tls: { ca: CERTIFICATE, verify: true } });
    await expect(ping(ssl)).resolves.toBeUndefined();
  });

  it('trusts nobody else, unless told not to look', async () => {
    await expect(ping(await tlsOptions({ ssl: true, tls: undefined }))).rejects.toThrow(
      /self-signed certificate/,
    );
    await ping(await tlsOptions({ ssl: true, tls: { verify: false } }));
  });

  it('refuses a certificate for another name', async () => {
    const tls = { ca: CERTIFICATE, serverName: 'kafka.example', verify: true };
    await expect(ping(await tlsOptions({ ssl: true, tls }))).rejects.toThrow(/kafka\.example/);
  });
});

describe('kafka.tls', () => {
  it('says which file cannot be read or holds something else', async () => {
    const options = (ca: string): Promise<unknown> =>
      tlsOptions({ ssl: true, tls: { ca, verify: true } });
    await expect(options('/nowhere/ca.pem')).rejects.toThrow(/tls\.ca: the file .* \(ENOENT\)/);
    await expect(options(import.meta.filename)).rejects.toThrow(/tls\.ca: expected a PEM text/);
  });
});
