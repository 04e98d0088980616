import { describe, expect, it, onTestFinished } from 'vitest';
import { RegistryUnavailableError } from '../discovery.errors.js';
import { EurekaServer } from '../testing/eureka-server.js';
import { EurekaClient } from './eureka-client.js';
import type { Registrant } from './instance-json.js';

const registrant: Registrant = {
  serviceId: 'orders',
  instanceId: 'host:orders:1',
  host: '127.0.0.1',
  port: 8081,
  secure: false,
  metadata: {},
  status: 'UP',
  heartbeatMs: 5_000,
  leaseMs: 15_000,
  lastDirtyTimestamp: 1,
  managementPath: '/manage',
};

async function setup(credentials?: string) {
  const server = await new EurekaServer().start();
  server.credentials = credentials;
  const client = clientOf(server.url);
  onTestFinished(() => server.kill());
  return { server, client };
}

function clientOf(...urls: string[]): EurekaClient {
  const client = new EurekaClient({ urls, timeoutMs: 2_000 });
  onTestFinished(() => client.close());
  return client;
}

describe('EurekaClient', () => {
  it('takes an instance through its life', async () => {
    const { server, client } = await setup();
    expect(await client.renew(registrant)).toBe(false);
    await client.register(registrant);
    expect(await client.renew(registrant)).toBe(true);
    const { instances, hash } = await client.fetchAll();
    expect(instances).toMatchObject([{ instance: { instanceId: 'host:orders:1', port: 8081 } }]);
    expect(hash).toBe('UP_1_');
    await client.cancel(registrant);
    await client.cancel(registrant);
    expect(server.instances.size).toBe(0);
    expect(server.requests).toContain('PUT /apps/ORDERS/host%3Aorders%3A1');
  });

  it('authenticates with what stands in the address, and never shows it', async () => {
    const { server, client } = await setup('dis%3Acovery:p%40ss');
    server.credentials = 'dis:covery:p@ss';
    expect(await client.fetchAll()).toMatchObject({ instances: [] });
    server.credentials = 'other:other';
    const error = (await client.fetchAll().catch((caught: unknown) => caught)) as Error;
    expect(error).toMatchObject({ code: 'RKY_DISC_REGISTRY_UNAVAILABLE', answer: 401 });
    expect(JSON.stringify(error) + error.message).not.toContain('p@ss');
  });

  it('says so when nobody is there', async () => {
    const { server, client } = await setup();
    await server.kill();
    await expect(client.fetchAll()).rejects.toThrow(
      'the service registry cannot be reached: ECONNREFUSED',
    );
  });

  it('goes to the next server, and stays there', async () => {
    const { server } = await setup();
    const client = clientOf('http://127.0.0.1:1/eureka', server.url);
    await expect(client.fetchAll()).rejects.toThrow(RegistryUnavailableError);
    await client.fetchAll();
    await client.fetchAll();
    expect(server.requests).toHaveLength(2);
  });

  it('knows servers without deltas and without a stream', async () => {
    const { server, client } = await setup();
    server.refusesDeltas = true;
    expect(await client.fetchDelta()).toBeUndefined();
    expect(await client.openStream(new AbortController().signal)).toBeUndefined();
  });
});
