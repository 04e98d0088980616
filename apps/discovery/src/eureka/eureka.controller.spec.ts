import { createRequire } from 'node:module';
import { settle } from '@rookery/core/testing';
import { createApp, type RunningApp } from '@rookery/platform';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { DiscoveryServerModule } from '../discovery-server.module.js';
import { Registry } from '../registry/registry.js';

const password = 'a test password';
const authorization = `Basic ${Buffer.from(`discovery:${password}`).toString('base64')}`;

let app: RunningApp;
let url: string;
let registry: Registry;
beforeAll(async () => {
  app = await createApp(DiscoveryServerModule, {
    environment: { DISCOVERY_SERVER_PASSWORD: password, LOG_LEVEL: 'fatal' },
    configDirectory: '/nowhere',
  });
  url = await app.listen();
  registry = app.nest.get(Registry);
});
afterAll(() => app.stop());
afterEach(() => {
  for (const instances of registry.applications().values()) {
    for (const { app: name, instanceId } of instances) registry.cancel(name, instanceId);
  }
});

type Init = Omit<RequestInit, 'headers'> & { headers?: Record<string, string> };

function call(path: string, { headers = {}, ...init }: Init = {}): Promise<Response> {
  const common = { authorization, accept: 'application/json' };
  return fetch(`${url}/eureka${path}`, { ...init, headers: { ...common, ...headers } });
}

const instanceOf = (id: string, change: object = {}): object => ({
  instanceId: id,
  hostName: 'localhost',
  app: 'ORDERS',
  ipAddr: '127.0.0.1',
  status: 'UP',
  port: { $: 8081, '@enabled': 'true' },
  vipAddress: 'orders,shop',
  dataCenterInfo: { name: 'MyOwn' },
  lastDirtyTimestamp: '1000',
  ...change,
});

function register(id: string, change: object = {}, appName = 'ORDERS'): Promise<Response> {
  return call(`/apps/${appName}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ instance: instanceOf(id, change) }),
  });
}

async function expectEmpty(response: Response, status: number): Promise<void> {
  expect(response.status).toBe(status);
  expect(await response.text()).toBe('');
}

interface ApplicationsJson {
  applications: {
    versions__delta: string;
    apps__hashcode: string;
    application: { name: string; instance: { instanceId: string; actionType: string }[] }[];
  };
}

describe("Eureka's interface", () => {
  it('takes an instance through its life', async () => {
    await expectEmpty(await register('a'), 204);
    const one = (await (await call('/apps/orders/a')).json()) as { instance: object };
    expect(one.instance).toMatchObject({ instanceId: 'a', app: 'ORDERS', status: 'UP' });
    await expectEmpty(await call('/apps/ORDERS/a?lastDirtyTimestamp=1000', { method: 'PUT' }), 200);
    await expectEmpty(
      await call('/apps/ORDERS/a/status?value=OUT_OF_SERVICE', { method: 'PUT' }),
      200,
    );
    await expectEmpty(await call('/apps/ORDERS/a/metadata?zone=z1', { method: 'PUT' }), 200);
    expect(await (await call('/instances/a')).json()).toMatchObject({
      instance: {
        status: 'OUT_OF_SERVICE',
        overriddenStatus: 'OUT_OF_SERVICE',
        metadata: { zone: 'z1' },
        actionType: 'MODIFIED',
      },
    });
    await expectEmpty(await call('/apps/ORDERS/a/status?value=UP', { method: 'DELETE' }), 200);
    await expectEmpty(await call('/apps/ORDERS/a', { method: 'DELETE' }), 200);
    await expectEmpty(await call('/apps/ORDERS/a'), 404);
    await expectEmpty(await call('/apps/ORDERS'), 404);
  });

  it.each(['/apps', '/apps/', '/v2/apps', '/v2/apps/'])('serves all of it at %s', async (path) => {
    await register('a');
    await register('b', { status: 'DOWN' });
    await register('p', { app: 'PAYMENTS', vipAddress: 'payments' }, 'PAYMENTS');
    const { applications } = (await (await call(path)).json()) as ApplicationsJson;
    expect(applications.apps__hashcode).toBe('DOWN_1_UP_2_');
    expect(applications.versions__delta).toMatch(/^\d+$/);
    expect(applications.application.map(({ name, instance }) => [name, instance.length])).toEqual([
      ['ORDERS', 2],
      ['PAYMENTS', 1],
    ]);
  });

  it('has its lists even when they are empty', async () => {
    const { applications } = (await (await call('/apps/')).json()) as ApplicationsJson;
    expect(applications.application).toEqual([]);
    expect(applications.apps__hashcode).toBe('');
    const vip = (await (await call('/vips/none')).json()) as ApplicationsJson;
    expect(vip.applications.application).toEqual([]);
  });

  it('serves what changed, with the hash of all', async () => {
    await register('a');
    await register('b');
    await call('/apps/ORDERS/a', { method: 'DELETE' });
    const { applications } = (await (await call('/apps/delta')).json()) as ApplicationsJson;
    const changes = applications.application
      .flatMap(({ instance }) => instance)
      .filter(({ instanceId }) => ['a', 'b'].includes(instanceId))
      .map(({ instanceId, actionType }) => `${instanceId} ${actionType}`);
    expect(changes.sort()).toEqual(['a DELETED', 'b ADDED']);
    expect(applications.apps__hashcode).toBe('UP_1_');
  });

  it('finds instances by virtual address', async () => {
    await register('a');
    await register('p', { app: 'PAYMENTS', vipAddress: 'payments' }, 'PAYMENTS');
    const { applications } = (await (await call('/vips/SHOP')).json()) as ApplicationsJson;
    expect(applications.application.map(({ name }) => name)).toEqual(['ORDERS']);
  });

  it('tells those who renew what is wrong by the status alone', async () => {
    await expectEmpty(await call('/apps/ORDERS/nobody', { method: 'PUT' }), 404);
    await register('a');
    const renew = (query: string, headers = {}) =>
      call(`/apps/ORDERS/a?${query}`, { method: 'PUT', headers });
    await expectEmpty(await renew('lastDirtyTimestamp=2000'), 404);
    await expectEmpty(await renew('lastDirtyTimestamp=500'), 200);
    const peer = await renew('lastDirtyTimestamp=500', {
      'x-netflix-discovery-replication': 'true',
    });
    expect(peer.status).toBe(409);
    expect(await peer.json()).toMatchObject({ instance: { lastDirtyTimestamp: '1000' } });
  });

  it('takes a heartbeat that announces JSON and sends none', async () => {
    await register('a');
    const headers = { 'content-type': 'application/json' };
    await expectEmpty(await call('/apps/ORDERS/a', { method: 'PUT', headers }), 200);
    await expectEmpty(await call('/apps/ORDERS/a', { method: 'DELETE', headers }), 200);
    expect(registry.size).toBe(0);
  });
});

describe('a wrong request', () => {
  it("for a registration is answered in Netflix's words", async () => {
    const response = await register('a', { ipAddr: undefined });
    expect(response.status).toBe(400);
    expect(response.headers.get('content-type')).toContain('text/plain');
    expect(await response.text()).toBe('Missing ip address');
  });

  it.each([
    [{ ipAddr: '169.254.169.254' }, 422],
    [{ port: { $: 70_000, '@enabled': 'true' } }, 422],
    [{ hostName: 'x\r\ny' }, 422],
  ])('with %j is refused without a body', async (change, status) => {
    await expectEmpty(await register('a', change), status);
    expect(registry.size).toBe(0);
  });

  it('that is no JSON, or too large, is refused without a body', async () => {
    const send = (body: string, type = 'application/json') =>
      call('/apps/ORDERS', { method: 'POST', headers: { 'content-type': type }, body });
    await expectEmpty(await send('{'), 400);
    await expectEmpty(await send('<instance/>', 'application/xml'), 415);
    await expectEmpty(await send(JSON.stringify({ instance: 'x'.repeat(2_000_000) })), 413);
    expect(registry.size).toBe(0);
  });

  it('for XML is not acceptable', async () => {
    await expectEmpty(await call('/apps', { headers: { accept: 'application/xml' } }), 406);
    const both = await call('/apps', { headers: { accept: 'application/xml, application/json' } });
    expect(both.status).toBe(200);
    expect((await call('/apps', { headers: { accept: '*/*' } })).status).toBe(200);
  });

  it('without the password gets nothing, and no body', async () => {
    for (const header of ['', 'Bearer x', `Basic ${btoa('discovery:wrong')}`]) {
      const response = await call('/apps', { headers: { authorization: header } });
      expect(response.headers.get('www-authenticate')).toMatch(/^Basic/);
      await expectEmpty(response, 401);
    }
    await expectEmpty(await call('/stream', { headers: { authorization: '' } }), 401);
  });

  it('for what is not there gets no body either', async () => {
    const nothing = await call('/nothing/here/at/all');
    expect(nothing.headers.get('content-type')).toBeNull();
    await expectEmpty(nothing, 404);
    await expectEmpty(await call('/apps/ORDERS/a/status?value=BOGUS', { method: 'PUT' }), 422);
  });
});

describe('the stream', () => {
  it('tells of each change at once', async () => {
    const abort = new AbortController();
    const response = await call('/stream', {
      headers: { accept: 'text/event-stream' },
      signal: abort.signal,
    });
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    const next = async (): Promise<{ version: number; epoch: number }> => {
      const text = (await reader.read()).value ?? '';
      expect(text).toMatch(/^id: \d+-\d+\nevent: registry\ndata: /);
      return JSON.parse(/data: (.*)/.exec(text)![1]!) as { version: number; epoch: number };
    };
    const first = await next();
    await register('a');
    const second = await next();
    expect(second.version).toBeGreaterThan(first.version);
    expect(second.epoch).toBe(first.epoch);
    abort.abort();
  });
});

describe('Prometheus', () => {
  it('finds its targets', async () => {
    await register('a');
    const response = await fetch(`${url}/prometheus/sd`, { headers: { authorization } });
    expect(await response.json()).toEqual([
      {
        targets: ['127.0.0.1:8081'],
        labels: {
          __scheme__: 'http',
          __metrics_path__: '/manage/prometheus',
          application: 'orders',
          instance: 'a',
        },
      },
    ]);
  });
});

/** What the spec uses of eureka-js-client, which has no types. */
interface EurekaClient {
  start(done: (error?: Error) => void): void;
  stop(done: () => void): void;
  once(event: string, listener: () => void): void;
  getInstancesByAppId(app: string): { instanceId: string }[];
  getInstancesByVipAddress(vip: string): { instanceId: string }[];
}
const { Eureka } = createRequire(import.meta.url)('@rocketsoftware/eureka-js-client') as {
  Eureka: new (options: object) => EurekaClient;
};

describe('a client that others wrote (eureka-js-client)', () => {
  const clientOf = (instanceId: string): EurekaClient => {
    const { hostname, port } = new URL(url);
    return new Eureka({
      logger: { debug() {}, info() {}, warn() {}, error() {} },
      instance: {
        instanceId,
        app: 'jqservice',
        hostName: 'localhost',
        ipAddr: '127.0.0.1',
        port: { $: 8080, '@enabled': true },
        vipAddress: 'jq.test.something.com',
        dataCenterInfo: {
          '@class': 'com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo',
          name: 'MyOwn',
        },
      },
      eureka: {
        host: hostname,
        port: Number(port),
        servicePath: '/eureka/apps/',
        heartbeatInterval: 50,
        registryFetchInterval: 50,
        maxRetries: 0,
        useDelta: true,
      },
      requestMiddleware: (request: { auth?: object }, done: (request: object) => void) => {
        request.auth = { user: 'discovery', password };
        done(request);
      },
    });
  };
  const event = (client: EurekaClient, name: string): Promise<void> =>
    new Promise((resolve) => client.once(name, () => resolve()));

  it('registers, renews, registers again when forgotten, sees others and leaves', async () => {
    const client = clientOf('js-1');
    await new Promise<void>((resolve, reject) =>
      client.start((error) => (error ? reject(error) : resolve())),
    );
    expect(registry.instance('js-1', 'jqservice')).toMatchObject({
      app: 'JQSERVICE',
      status: 'UP',
    });
    await event(client, 'heartbeat');

    registry.cancel('jqservice', 'js-1');
    await event(client, 'registered');
    expect(registry.instance('js-1')).toBeDefined();

    await register('a');
    while (client.getInstancesByAppId('ORDERS').length === 0)
      await event(client, 'registryUpdated');
    expect(client.getInstancesByVipAddress('jq.test.something.com')).toHaveLength(1);
    await call('/apps/ORDERS/a', { method: 'DELETE' });
    while (client.getInstancesByAppId('ORDERS').length > 0) await event(client, 'registryUpdated');

    await new Promise<void>((resolve) => client.stop(() => resolve()));
    await settle();
    expect(registry.instance('js-1')).toBeUndefined();
  });
});
