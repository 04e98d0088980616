import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { VirtualClock } from '@rookery/core/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { Fleet, overall, type InstanceSource } from './fleet.js';
import { InstanceClient, type Target } from './instance-client.js';

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

type Answers = Record<string, [status: number, body: string] | 'hang'>;

async function instance(instanceId: string, answers: Answers): Promise<Target> {
  const server = createServer((request, response) => {
    const answer = answers[request.url ?? ''];
    if (answer === 'hang') return;
    const [status, body] = answer ?? [404, '{}'];
    response.writeHead(status).end(body);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    instanceId,
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    secure: false,
  };
}

const info: [number, string] = [
  200,
  JSON.stringify({ version: '1.0.0', startedAt: '2026-01-01T00:00:00Z' }),
];
const healthy = (status = 'UP', components: object = { database: { status: 'UP' } }): Answers => ({
  '/manage/health': [status === 'UP' ? 200 : 503, JSON.stringify({ status, components })],
  '/manage/info': info,
});

function fleetOf(
  services: Record<string, Target[]>,
  clock = new VirtualClock(),
  timeoutMs = 10_000,
) {
  const source: InstanceSource = {
    services: () => Object.keys(services),
    instances: (name) => services[name] ?? [],
  };
  const client = new InstanceClient({ timeoutMs, token: async () => 'token' });
  return { fleet: new Fleet(source, client, clock, 60_000), clock };
}

describe('the fleet', () => {
  it('says how each instance of each service is', async () => {
    const { fleet } = fleetOf({
      orders: [
        await instance('orders-10', healthy()),
        await instance(
          'orders-2',
          healthy('DOWN', { database: { status: 'DOWN' }, config: { status: 'UP' } }),
        ),
      ],
      auth: [await instance('auth-1', healthy())],
    });
    const [auth, orders] = await fleet.look();
    expect(auth).toMatchObject({ name: 'auth', status: 'UP', platform: true });
    expect(orders).toMatchObject({ name: 'orders', status: 'DEGRADED', platform: false });
    expect(orders?.instances).toMatchObject([
      { id: 'orders-2', status: 'DOWN', problem: 'database' },
      { id: 'orders-10', status: 'UP', version: '1.0.0', startedAt: '2026-01-01T00:00:00Z' },
    ]);
  });

  it('tells why an instance cannot be asked, without waiting long', async () => {
    const gone = await instance('gone-1', {});
    const server = servers.pop()!;
    await new Promise((resolve) => server.close(resolve));
    const { fleet } = fleetOf(
      {
        gone: [gone],
        hangs: [await instance('hangs-1', { '/manage/health': 'hang', '/manage/info': info })],
        html: [
          await instance('html-1', { '/manage/health': [200, '<html>'], '/manage/info': info }),
        ],
        odd: [
          await instance('odd-1', {
            '/manage/health': [200, '{"status":"<b>"}'],
            '/manage/info': info,
          }),
        ],
      },
      new VirtualClock(),
      1_000,
    );
    const views = Object.fromEntries(
      (await fleet.look()).map(({ name, instances }) => [name, instances[0]]),
    );
    expect(views['gone']).toMatchObject({
      status: 'DOWN',
      problem: expect.stringContaining('refused') as string,
    });
    expect(views['hangs']).toMatchObject({
      status: 'DOWN',
      problem: expect.stringContaining('no answer within 1000 ms') as string,
    });
    expect(views['html']).toMatchObject({ status: 'DOWN' });
    expect(views['odd']).toMatchObject({ status: 'UNKNOWN', components: [] });
  });

  it('does not read answers without end', async () => {
    const body = JSON.stringify({ status: 'UP', padding: 'x'.repeat(5_000_000) });
    const huge = await instance('huge-1', { '/manage/health': [200, body], '/manage/info': info });
    const { fleet } = fleetOf({ huge: [huge] });
    const [view] = await fleet.look();
    expect(view?.instances[0]?.problem).toMatch(/answer over 4194304 bytes/);
  });

  it('keeps a service in sight for a while after its last instance has gone', async () => {
    const services: Record<string, Target[]> = { orders: [await instance('orders-1', healthy())] };
    const { fleet, clock } = fleetOf(services);
    await fleet.look();
    delete services['orders'];
    expect(await fleet.look()).toMatchObject([{ name: 'orders', status: 'DOWN', instances: [] }]);
    await clock.advance(61_000);
    expect(await fleet.look()).toEqual([]);
  });

  it('asks seldom for what does not change', async () => {
    let asked = 0;
    const target = await instance('orders-1', {
      ...healthy(),
      get '/manage/info'() {
        asked++;
        return info;
      },
    });
    const { fleet, clock } = fleetOf({ orders: [target] });
    for (let n = 0; n < 5; n++) await fleet.look();
    expect(asked).toBe(1);
    await clock.advance(31_000);
    await fleet.look();
    expect(asked).toBe(2);
  });

  it('is as good as its instances', () => {
    expect(overall([])).toBe('DOWN');
    expect(overall(['UP', 'UP'])).toBe('UP');
    expect(overall(['UP', 'DOWN'])).toBe('DEGRADED');
    expect(overall(['DEGRADED'])).toBe('DEGRADED');
    expect(overall(['OUT_OF_SERVICE', 'DOWN'])).toBe('DOWN');
  });
});
