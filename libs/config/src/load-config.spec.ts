import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AbortedError, InvalidOptionError } from '@rookery/core';
import { VirtualClock, settle } from '@rookery/core/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ConfigDocumentError, ConfigServerError } from './config.errors.js';
import { loadConfig } from './load-config.js';

const any = z.record(z.string(), z.unknown());
const silent = (): void => {};

describe('local files', () => {
  let directory: string;
  beforeEach(async () => void (directory = await mkdtemp(join(tmpdir(), 'rookery-config-'))));
  afterEach(() => rm(directory, { recursive: true, force: true }));
  const write = (name: string, text: string): Promise<void> =>
    writeFile(join(directory, name), text);

  it("win in Spring's order: environment, profile over general, app over shared", async () => {
    await write('application.yml', 'n: {a: 1, b: 1, c: 1, d: 1, e: 1}');
    await write('orders.yml', 'n: {b: 2, c: 2, d: 2, e: 2}');
    await write('application-dev.yml', 'n: {c: 3, d: 3, e: 3}');
    await write('orders-dev.yml', 'n: {d: 4, e: 4}');
    await write('inventory.yml', 'n: {a: 99}');
    const store = await loadConfig({
      app: 'orders',
      directory,
      environment: { ROOKERY_PROFILE: 'dev', N_E: '5' },
    });
    const schema = z.object({ a: z.int(), b: z.int(), c: z.int(), d: z.int(), e: z.int() });
    expect(store.namespace('n', schema)).toEqual({ a: 1, b: 2, c: 3, d: 4, e: 5 });
    expect(store.provenance('n.d')).toMatch(/orders-dev\.yml:1$/);
    expect(store.provenance('n.e')).toBe('environment N_E');
  });

  it('of the last active profile win', async () => {
    await write('orders-a.yml', 'n: {x: a}');
    await write('orders-b.yml', 'n: {x: b}');
    const environment = { ROOKERY_PROFILE: 'a,b' };
    const store = await loadConfig({ app: 'orders', directory, environment });
    expect(store.namespace('n', any)).toEqual({ x: 'b' });
    expect(store.profile).toBe('a,b');
  });

  it('are read again by a refresh', async () => {
    await write('orders.yml', 'n: {x: 1}');
    const store = await loadConfig({ app: 'orders', directory, environment: {}, log: silent });
    expect(store.namespace('n', any)).toEqual({ x: 1 });
    await write('orders.yml', 'n: {x: 2}');
    await expect(store.refresh()).resolves.toEqual(['n.x']);
    await write('orders.yml', 'n: {x: [');
    await expect(store.refresh()).rejects.toThrow(ConfigDocumentError);
    expect(store.namespace('n', any)).toEqual({ x: 2 });
  });

  it('may be absent', async () => {
    const nowhere = join(directory, 'none');
    const store = await loadConfig({ app: 'orders', directory: nowhere, environment: {} });
    expect(store.snapshot.values).toEqual({});
    expect(store.profile).toBe('development');
  });

  it('never leak into the environment of the process', async () => {
    await write('orders.yml', 'rookery-leak: {path: x}');
    const before = { ...process.env };
    const store = await loadConfig({
      app: 'orders',
      directory,
      environment: { ROOKERY_LEAK: 'y' },
    });
    store.namespace('rookery-leak', any);
    expect({ ...process.env }).toEqual(before);
  });
});

describe('a wrong start', () => {
  it('is refused with the option that is wrong', async () => {
    const start = (environment: Record<string, string>, app = 'orders') =>
      loadConfig({ app, environment, log: silent });
    await expect(start({}, '../etc')).rejects.toThrow(InvalidOptionError);
    await expect(start({ ROOKERY_PROFILE: '../x' })).rejects.toThrow(
      /rookery\.profile.*ROOKERY_PROFILE/,
    );
    await expect(start({ CONFIG_TIMEOUT: 'soon' })).rejects.toThrow(
      /config\.timeout.*CONFIG_TIMEOUT/,
    );
    await expect(start({ CONFIG_URL: 'ftp://host' })).rejects.toThrow(/not an http/);
  });

  it('takes production from NODE_ENV when no profile is set', async () => {
    const environment = { NODE_ENV: 'production' };
    expect((await loadConfig({ app: 'orders', directory: '/nowhere', environment })).profile).toBe(
      'production',
    );
  });
});

describe('a config server', () => {
  let server: Server;
  let url: string;
  let requests: IncomingMessage[];
  let answer: (request: IncomingMessage, response: ServerResponse) => void;
  const v2 = (source: Record<string, unknown>, name = 'file:/srv/config/orders.yml') =>
    JSON.stringify({ name: 'orders', profiles: ['dev'], propertySources: [{ name, source }] });

  beforeEach(async () => {
    requests = [];
    server = createServer((request, response) => {
      requests.push(request);
      answer(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://us%40er:p%3Aw@127.0.0.1:${(server.address() as AddressInfo).port}/base/`;
  });
  afterEach(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  const load = (environment: Record<string, string> = {}, options = {}) =>
    loadConfig({
      app: 'orders',
      environment: { CONFIG_URL: url, ROOKERY_PROFILE: 'dev', ...environment },
      log: silent,
      ...options,
    });

  it('is asked in its own protocol, with the credentials of the URL', async () => {
    answer = (_, response) => response.end(v2({ 'n.x': { value: 1, origin: 'orders.yml:3:9' } }));
    const store = await load({ CONFIG_LABEL: 'release/1' });
    store.close();
    expect(requests[0]!.url).toBe('/base/orders/dev/release(_)1');
    expect(requests[0]!.headers.authorization).toBe(`Basic ${btoa('us@er:p:w')}`);
    expect(requests[0]!.headers.accept).toContain(
      'application/vnd.spring-cloud.config-server.v2+json',
    );
    expect(store.namespace('n', any)).toEqual({ x: 1 });
    expect(store.provenance('n.x')).toBe('config-server orders.yml:3');
  });

  it('may answer plain JSON', async () => {
    answer = (_, response) =>
      response.end(v2({ 'n.list[0]': 'a', 'n.list[1]': 'b', 'n.none': null }));
    const store = await load();
    store.close();
    expect(store.namespace('n', any)).toEqual({ list: ['a', 'b'], none: '' });
    expect(store.provenance('n.list')).toBe('config-server orders.yml');
  });

  it('is asked again with the tag of its last answer', async () => {
    let revision = 1;
    answer = (request, response) => {
      const tag = `"${revision}"`;
      if (request.headers['if-none-match'] === tag) response.writeHead(304).end();
      else response.setHeader('etag', tag).end(v2({ 'n.x': revision }));
    };
    const store = await load();
    await expect(store.refresh()).resolves.toEqual([]);
    revision = 2;
    await expect(store.refresh()).resolves.toEqual(['n.x']);
    await expect(store.refresh()).resolves.toEqual([]);
    expect(requests.map(({ headers }) => headers['if-none-match'])).toEqual([
      undefined,
      '"1"',
      '"1"',
      '"2"',
    ]);
    store.close();
  });

  it('is waited for, a line each, while it starts', async () => {
    const clock = new VirtualClock();
    const lines: string[] = [];
    answer = (_, response) =>
      requests.length < 3 ? response.writeHead(503).end() : response.end(v2({ 'n.x': 1 }));
    const loading = load({}, { clock, log: (_: string, line: string) => lines.push(line) });
    let done = false;
    void loading.then(() => (done = true));
    while (!done) {
      if (clock.pending > 0) await clock.advance(50);
      await settle();
    }
    (await loading).close();
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(/answered 503; attempt 1, next in \d+ ms/);
  });

  it('that never comes up fails the start, with what to do', async () => {
    const clock = new VirtualClock();
    answer = (_, response) => response.destroy();
    const loading = load({ CONFIG_FAIL_FAST_AFTER: '1s' }, { clock });
    let failure: Error | undefined;
    loading.catch((error: Error) => (failure = error));
    while (failure === undefined) {
      if (clock.pending > 0) await clock.advance(100);
      await settle();
    }
    expect(failure).toBeInstanceOf(ConfigServerError);
    expect(failure.message).toMatch(/gave up after \d+ attempts.*unset CONFIG_URL/);
    expect(failure.message).not.toContain('p%3Aw');
    expect(clock.pending).toBe(0);
  });

  it.each([
    [401, /check the user and password in CONFIG_URL/],
    [403, /403/],
    [404, /does not know/],
  ])('that answers %d is not asked twice', async (status, message) => {
    answer = (_, response) => response.writeHead(status).end();
    await expect(load()).rejects.toThrow(message);
    expect(requests).toHaveLength(1);
  });

  it('that refuses says why, in one line', async () => {
    const detail = `config/orders.yml:\n does not parse at line 2 ${'x'.repeat(1_000)}`;
    answer = (_, response) => response.writeHead(422).end(JSON.stringify({ detail }));
    const expected = /answered 422: config\/orders\.yml: does not parse at line 2 x{1,300}$/;
    await expect(load()).rejects.toThrow(expected);
  });

  it('is not followed elsewhere with the credentials', async () => {
    answer = (request, response) =>
      request.url === '/stolen'
        ? response.end(v2({}))
        : response.writeHead(302, { location: '/stolen' }).end();
    await expect(load({ CONFIG_FAIL_FAST_AFTER: '0ms' })).rejects.toThrow(ConfigServerError);
    expect(requests.map((request) => request.url)).not.toContain('/stolen');
  });

  it.each([
    ['<html>', /did not answer JSON/],
    ['{"propertySources":{}}', /format/],
    [v2({ '__proto__.x': 1 }), /forbidden/],
    [v2({ 'a.constructor.prototype.x': 1 }), /forbidden/],
    [v2({ a: '${b}', b: '${a}' }), /refers to itself/],
    [`"${'x'.repeat(5 * 1024 * 1024)}"`, /over 4194304 bytes/],
  ])('that answers %.40s is refused', async (body, message) => {
    answer = (_, response) => response.end(body);
    await expect(load()).rejects.toThrow(message);
  });

  it('that tells of changes is asked again at once', async () => {
    let revision = 1;
    let feed: ServerResponse | undefined;
    answer = (request, response) => {
      if (request.url === '/base/feed') {
        expect(request.headers.authorization).toBe(`Basic ${btoa('us@er:p:w')}`);
        feed = response.writeHead(200, { 'content-type': 'text/event-stream' });
        feed.write('event: revision\ndata: {"revision":"1"}\n\n');
      } else {
        response.setHeader('link', '</base/feed>; rel="monitor"').end(v2({ 'n.x': revision }));
      }
    };
    const store = await load({ CONFIG_REFRESH_INTERVAL: '1h' }, { random: () => 0 });
    while (feed === undefined) await settle();
    const changed = new Promise((resolve) => store.onChange(resolve));
    revision = 2;
    feed.write('event: revi');
    feed.write('sion\ndata: {"revision":"2"}\n\n');
    await expect(changed).resolves.toMatchObject({ keys: ['n.x'] });
    const ended = new Promise((resolve) => feed?.once('close', resolve));
    store.close();
    await ended;
  });

  it('cannot send the credentials to another server', async () => {
    answer = (_, response) =>
      response.setHeader('link', '<http://127.0.0.1:9/feed>; rel="monitor"').end(v2({ 'n.x': 1 }));
    const clock = new VirtualClock();
    const store = await load({}, { clock });
    await clock.advance(5_000);
    expect(requests).toHaveLength(1);
    store.close();
    await settle();
    expect(clock.pending).toBe(0);
  });

  it('of several is the first that answers', async () => {
    answer = (_, response) => response.end(v2({ 'n.x': 1 }));
    const closed = createServer();
    await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
    const { port } = closed.address() as AddressInfo;
    await new Promise((resolve) => closed.close(resolve));
    const store = await load({ CONFIG_URL: `http://127.0.0.1:${port},${url}` });
    store.close();
    expect(store.namespace('n', any)).toEqual({ x: 1 });
  });

  it('is not waited for after an abort', async () => {
    answer = () => {};
    const abort = new AbortController();
    const loading = load({}, { signal: abort.signal });
    while (requests.length === 0) await settle();
    abort.abort();
    await expect(loading).rejects.toThrow(AbortedError);
  });

  it('keeps local files out', async () => {
    answer = (_, response) => response.end(v2({}));
    const store = await load({}, { directory: join(import.meta.dirname, '../../../config') });
    store.close();
    expect(store.snapshot.values).toEqual({});
  });
});
