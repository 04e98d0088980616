import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { stripVTControlCharacters } from 'node:util';
import { Kafka, logLevel } from 'kafkajs';
import { chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runDemo } from '../../libs/cli/src/demo/demo.js';
import { traceOf } from '../../libs/cli/src/demo/trace.js';
import { fetchToken } from '../../libs/cli/src/run/demo-token.js';
import { ScratchWorkspace, type Platform } from './scratch-workspace.js';

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(
  (path) => existsSync(path),
);
const silent = (): void => {};

let workspace: ScratchWorkspace;
let platform: Platform;

beforeAll(async () => {
  workspace = new ScratchWorkspace();
  platform = await workspace.up();
});

afterAll(() => workspace.remove());

const APPS = [
  'api-gateway',
  'auth',
  'config-server',
  'console',
  'discovery',
  'inventory',
  'orders',
  'payments',
  'shipping',
];

/** Calls the gateway; `scope` of the token, or no token at all. */
async function call(
  path: string,
  { scopes, token, ...init }: RequestInit & { scopes?: string[]; token?: string } = {},
): Promise<Response> {
  const shop = platform.shop();
  const bearer =
    token ?? (scopes === undefined ? undefined : await fetchToken({ ...shop, scopes }));
  return fetch(new URL(path, shop.gateway), {
    ...init,
    headers: {
      'content-type': 'application/json',
      ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
    },
  });
}

describe('one command', () => {
  it('starts every app, each ready and registered', async () => {
    expect(platform.state.ready).toBe(true);
    const ready = platform.state.processes.filter(({ state }) => state === 'ready');
    expect(ready.map(({ app }) => app)).toEqual(expect.arrayContaining(APPS));
    for (const app of APPS) {
      const response = await fetch(`${platform.address(app)}/manage/health/ready`);
      expect(`${app} ${response.status}`).toBe(`${app} 200`);
    }
  });

  it.skipIf(CHROMIUM === undefined)('shows all services green on the console page', async () => {
    const browser = await chromium.launch({
      executablePath: CHROMIUM as string,
      args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
    });
    try {
      const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
      const errors: string[] = [];
      page.on('pageerror', (error) => errors.push(error.message));
      await page.goto(platform.address('console'));
      for (const app of APPS) {
        const name = page.getByRole('heading', { name: app, exact: true });
        await page.locator('li.card.good', { has: name }).waitFor({ timeout: 30_000 });
      }
      await mkdir('test/e2e/.output', { recursive: true });
      await page.screenshot({ path: 'test/e2e/.output/console.png' });
      expect(errors).toEqual([]);
    } finally {
      await browser.close();
    }
  });
});

describe('orders of mixed fate', () => {
  it('each end as dealt, and stock, money and shipments add up', async () => {
    const report = await runDemo({ ...platform.shop(), orders: 60, print: silent });
    expect(report.findings).toEqual([]);
    expect(report.orders).toHaveLength(60);

    const shipped = report.orders.findLast(({ status }) => status === 'shipped');
    const trace = await traceOf(shipped?.traceId ?? '', platform.state);
    for (const app of ['api-gateway', 'orders', 'inventory', 'payments', 'shipping']) {
      expect(trace.some((line) => line.includes(` ${app} `))).toBe(true);
    }
  });

  it('end undone, saying why, while the payments service is dead to the world', async () => {
    const [pid] = platform.pids('payments');
    process.kill(pid as number, 'SIGSTOP');
    try {
      const placed = await call('/orders', {
        method: 'POST',
        scopes: ['orders:write'],
        body: JSON.stringify({
          lines: [{ sku: 'tea', quantity: 1 }],
          paymentMethod: 'tok_visa',
        }),
      });
      expect(placed.status).toBe(202);
      const { orderId } = (await placed.json()) as { orderId: string };
      const order = async (): Promise<{ status: string; reason: string | null }> => {
        const response = await call(`/orders/${orderId}`, { scopes: ['orders:read'] });
        return (await response.json()) as { status: string; reason: string | null };
      };
      // The step waits ten seconds for its reply, then all is undone; what payments still has to
      // undo waits in its topic until it is back.
      await pause(12_000);
      process.kill(pid as number, 'SIGCONT');
      const end = Date.now() + 60_000;
      while ((await order()).status === 'pending' && Date.now() < end) await pause(200);
      expect(await order()).toMatchObject({
        status: 'rejected',
        reason: expect.stringMatching(/TIMEOUT/),
      });
    } finally {
      process.kill(pid as number, 'SIGCONT');
    }
  });
});

describe('bad input', () => {
  it('in a body is answered 400, naming the fields', async () => {
    const response = await call('/orders', {
      method: 'POST',
      scopes: ['orders:write'],
      body: JSON.stringify({ lines: [{ sku: 'TEA', quantity: 0 }], colour: 'red' }),
    });
    expect(response.status).toBe(400);
    expect(response.headers.get('content-type')).toContain('application/problem+json');
    const problem = (await response.json()) as { errors: { field: string }[]; traceId: string };
    expect(problem.traceId).toMatch(/^[0-9a-f]{32}$/);
    expect(problem.errors.map(({ field }) => field)).toEqual(
      expect.arrayContaining(['colour', 'lines.0.quantity', 'lines.0.sku', 'paymentMethod']),
    );
  });

  it('without or with a wrong token is answered 401 with a challenge', async () => {
    for (const response of [await call('/orders'), await call('/orders', { token: 'x.y.z' })]) {
      expect(response.status).toBe(401);
      expect(response.headers.get('www-authenticate')).toMatch(/^Bearer/);
      expect(await response.json()).toMatchObject({ status: 401 });
    }
  });

  it('without the scope is answered 403', async () => {
    const response = await call('/orders', {
      method: 'POST',
      scopes: ['orders:read'],
      body: '{}',
    });
    expect(response.status).toBe(403);
    expect(response.headers.get('www-authenticate')).toMatch(/insufficient_scope/);
  });

  it('with an unknown article is answered 404, with an unknown order as well', async () => {
    const placed = await call('/orders', {
      method: 'POST',
      scopes: ['orders:write'],
      body: JSON.stringify({ lines: [{ sku: 'nothing', quantity: 1 }], paymentMethod: 'tok_visa' }),
    });
    expect(placed.status).toBe(404);
    expect(await placed.json()).toMatchObject({ code: 'SHOP_ORDERS_UNKNOWN_ARTICLE' });
    const order = await call(`/orders/${crypto.randomUUID()}`, { scopes: ['orders:read'] });
    expect(order.status).toBe(404);
  });

  it('on Kafka is dead-lettered with its bytes, and the consumer goes on', async () => {
    const kafka = new Kafka({ brokers: [...platform.state.brokers], logLevel: logLevel.NOTHING });
    const producer = kafka.producer();
    const consumer = kafka.consumer({ groupId: 'e2e-dead-letters' });
    try {
      await producer.connect();
      const garbage = `not json ${Date.now()}`;
      await producer.send({
        topic: 'inventory.commands',
        messages: [{ key: 'k', value: garbage }],
      });
      const letter = new Promise<string>((resolve) => {
        void (async () => {
          await consumer.connect();
          await consumer.subscribe({ topic: 'inventory.commands.dlt', fromBeginning: true });
          await consumer.run({
            eachMessage: ({ message }) => {
              const text = String(message.value);
              if (text === garbage) resolve(text);
              return Promise.resolve();
            },
          });
        })();
      });
      expect(await letter).toBe(garbage);
      const list = ['libs/cli/bin/rookery.js', 'messages', 'list', '--cause', 'missing-headers'];
      expect(stripVTControlCharacters(workspace.run('node', list))).toMatch(/inventory\/\d+ +dead/);
      const after = await runDemo({ ...platform.shop(), orders: 2, print: silent });
      expect(after.findings).toEqual([]);
    } finally {
      await consumer.disconnect();
      await producer.disconnect();
    }
  });
});

describe('one Ctrl-C', () => {
  it('stops all within five seconds and leaves no process', async () => {
    const { tookMs, left } = await platform.stop();
    expect(left).toEqual([]);
    expect(tookMs).toBeLessThan(5_000);
  });

  it('keeps the data for the next start', async () => {
    platform = await workspace.up();
    const response = await call('/orders', { scopes: ['orders:read'] });
    const orders = (await response.json()) as { status: string }[];
    expect(orders.length).toBeGreaterThan(50);
    expect(orders.some(({ status }) => status === 'pending')).toBe(false);
    expect((await platform.stop()).left).toEqual([]);
  });
});
