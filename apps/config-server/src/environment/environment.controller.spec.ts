import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '@rookery/config';
import { createApp, type RunningApp } from '@rookery/platform';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ConfigServerModule } from '../config-server.module.js';

const test = join(import.meta.dirname, '../../test');
const password = 'a test password';
const authorization = `Basic ${Buffer.from(`config:${password}`).toString('base64')}`;
const V2 = 'application/vnd.spring-cloud.config-server.v2+json';

let app: RunningApp;
let root: string;
let url: string;

beforeAll(async () => {
  root = join(await mkdtemp(join(tmpdir(), 'rookery-config-server-')), 'repository');
  await cp(join(test, 'repository'), root, { recursive: true });
  await writeFile(join(root, '../secret.yml'), 'leaked: true');
  await symlink(join(root, '../secret.yml'), join(root, 'linked.yml'));
  await writeFile(join(root, 'polluted.yml'), '__proto__: {polluted: true}');
  await writeFile(join(root, 'circle.yml'), 'a: ${b}\nb: ${a}\n');
  await writeFile(join(root, 'broken.yml'), 'a: [1\n');
  app = await createApp(ConfigServerModule, {
    environment: {
      CONFIG_SERVER_ROOT: root,
      CONFIG_SERVER_PASSWORD: password,
      LOG_LEVEL: 'fatal',
    },
    configDirectory: '/nowhere',
  });
  url = await app.listen();
});
afterAll(async () => {
  await app.stop();
  await rm(join(root, '..'), { recursive: true, force: true });
});

const get = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${url}${path}`, { headers: { authorization, ...headers } });

/** Sends a path as it is: fetch would tidy it up first. */
function raw(path: string): Promise<{ status: number; body: string }> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    request({ hostname, port, path, headers: { authorization } }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    })
      .on('error', reject)
      .end();
  });
}

async function golden(file: string, actual: string): Promise<void> {
  // The version is a hash over the files, which say more than the hash.
  const text = actual.replace(/"version": "[0-9a-f]{40}"/, '"version": "(a hash)"');
  await expect(text).toMatchFileSnapshot(join(test, 'golden', file));
}

describe("Spring Cloud Config's interface", () => {
  it.each([
    ['/orders/development', V2, 'orders-development.v2.json'],
    ['/orders/development', 'application/json', 'orders-development.plain.json'],
    ['/orders/default', 'application/json', 'orders-default.plain.json'],
    ['/orders/cloud,development', 'application/json', 'orders-cloud,development.plain.json'],
    [
      '/orders/development/release_1',
      'application/json',
      'orders-development-release_1.plain.json',
    ],
    ['/unknown/development', 'application/json', 'unknown-development.plain.json'],
    ['/inventory,orders/default', 'application/json', 'inventory,orders-default.plain.json'],
  ])('answers %s as %s', async (path, accept, file) => {
    const response = await get(path, { accept });
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toContain(accept);
    await golden(file, `${JSON.stringify(await response.json(), undefined, 2)}\n`);
  });

  it.each([
    ['/orders-development.properties', 'text/plain'],
    ['/orders-development.yml', 'text/plain'],
    ['/orders-development.json', 'application/json'],
    ['/release_1/orders-development.json', 'application/json'],
    ['/orders-development.json?resolvePlaceholders=false', 'application/json'],
  ])('answers %s as one document', async (path, type) => {
    const response = await get(path);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toContain(type);
    const name = path.slice(1).replace(/\?.*/, '.unresolved').replaceAll('/', '--');
    await golden(`flat.${name}`, `${await response.text()}\n`);
  });

  it('knows folders in names and labels, written (_)', async () => {
    const answer = (await (await get('/team(_)billing/default')).json()) as {
      propertySources: { source: object }[];
    };
    expect(answer.propertySources[0]?.source).toEqual({ billing: true });
  });

  it('answers 304 to a client that has the current answer', async () => {
    const first = await get('/orders/development');
    const etag = first.headers.get('etag') ?? '';
    const headers = { 'if-none-match': `"other", W/${etag}` };
    expect((await get('/orders/development', headers)).status).toBe(304);
    expect((await get('/orders/default', headers)).status).toBe(200);
    expect((await get('/orders/development', { ...headers, accept: V2 })).status).toBe(200);
    await writeFile(join(root, 'application.yml'), 'changed: 1\n');
    expect((await get('/orders/development', headers)).status).toBe(200);
    await cp(join(test, 'repository/application.yml'), join(root, 'application.yml'));
  });

  it('feeds our own client, profile and provenance included', async () => {
    const { host } = new URL(url);
    const store = await loadConfig({
      app: 'orders',
      environment: {
        CONFIG_URL: `http://config:${encodeURIComponent(password)}@${host}`,
        ROOKERY_PROFILE: 'development',
      },
    });
    store.close();
    const orders = z.object({ limit: z.number(), flag: z.boolean(), text: z.string() });
    expect(store.namespace('orders', orders)).toEqual({ limit: 20, flag: true, text: '5' });
    expect(store.snapshot.values.greeting).toBe('Orders says hi to a laptop');
    expect(store.provenance('orders.limit')).toBe('config-server orders-development.yml:2');
    expect(store.provenance('log.level')).toBe('config-server application-development.yml:2');
  });
});

describe('changes of the folder', () => {
  it('are told to whoever listens', async () => {
    const abort = new AbortController();
    const response = await fetch(`${url}/revisions`, {
      headers: { authorization },
      signal: abort.signal,
    });
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    const first = (await reader.read()).value ?? '';
    expect(first).toMatch(
      /^id: [0-9a-f]{12}\nevent: revision\ndata: \{"revision":"[0-9a-f]{12}"\}\n\n$/,
    );
    await writeFile(join(root, 'shipping.yml'), 'shipping: 1\n');
    const second = (await reader.read()).value ?? '';
    expect(second).toMatch(/event: revision/);
    expect(second).not.toBe(first);
    abort.abort();
  });
});

describe('hostile requests', () => {
  it.each([
    '/..%2f..%2fetc/default',
    '/..%252fsecret/default',
    '/%2e%2e%2fsecret/default',
    '/..(_)secret/default',
    '/orders(_)..(_)..(_)secret/default',
    '/orders%2f..%2f..%2fsecret/default',
    '/orders/..%2f..%2fsecret',
    '/orders/default/..%2fsecret',
    '/orders/default/..(_)..',
    '/orders/default/%2e%2e',
    '/orders%23/default',
    '/orders/def%23ault',
    '/orders/default/%23x',
    '/orders%00/default',
    '/..%5csecret/default',
    '/.hidden/default',
    '/orders*/default',
    '/orders/${jndi}',
    '/..%2fsecret-default.yml',
    '/..%2f/secret-default.yml',
    '/orders-development.yml%00.json/default',
    `/${'a'.repeat(500)}/default`,
    `/orders/${Array.from({ length: 50 }, (_, n) => `p${n}`).join(',')}`,
  ])('%s never reach a file', async (path) => {
    const { status, body } = await raw(path);
    // 414: the router refuses long segments before anyone looks at them.
    expect([400, 414]).toContain(status);
    expect(body).not.toContain('leaked');
  });

  it.each([
    '//etc/passwd',
    '/orders/default/main//etc/passwd',
    '/orders/default/main/application.yml',
    '/orders.yml',
    '/orders/default/no-such-label',
    '/manage/nothing',
    '/',
  ])('%s is not found', async (path) => {
    expect((await raw(path)).status).toBe(404);
  });

  it('do not follow links out of the folder', async () => {
    const text = await (await get('/linked/default')).text();
    expect(text).not.toContain('leaked');
  });

  it.each([
    '/polluted/default',
    '/polluted-default.json',
    '/circle-default.yml',
    '/broken/default',
  ])('for documents that harm are refused: %s', async (path) => {
    const { status, body } = await raw(path);
    expect(status).toBe(422);
    expect(JSON.parse(body)).toMatchObject({
      code: expect.stringMatching(/^RKY_CONFIG_/) as string,
    });
    expect(body).not.toContain(root);
  });

  it.each(['/orders/default', '/orders-default.yml', '/revisions', '/orders/default/main'])(
    'without the password get nothing of %s',
    async (path) => {
      for (const header of ['', 'Bearer x', `Basic ${btoa('config:wrong')}`]) {
        const response = await get(path, { authorization: header });
        expect(response.status).toBe(401);
        expect(response.headers.get('www-authenticate')).toMatch(/^Basic realm="config"/);
      }
    },
  );

  it('with other methods change nothing', async () => {
    for (const method of ['POST', 'PUT', 'DELETE']) {
      const response = await fetch(`${url}/orders/default`, { method, headers: { authorization } });
      expect(response.status).toBe(404);
    }
    expect(await readFile(join(root, 'orders.yml'), 'utf8')).toContain('limit: 10');
  });
});

describe('health', () => {
  it('needs no password', async () => {
    const response = await fetch(`${url}/manage/health/ready`);
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ status: 'UP' });
  });
});
