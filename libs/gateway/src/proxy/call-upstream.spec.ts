import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { VirtualClock } from '@rookery/core/testing';
import { describe, expect, it } from 'vitest';
import { closedPort, Harness } from '../testing/harness.js';

const harness = new Harness();

describe('failing upstreams', () => {
  it('without an instance are answered with 503 and when to come again', async () => {
    const gate = await harness.gateway({
      gateway: {
        routes: [{ id: 'x', uri: 'lb://gone', predicates: ['Path=/**'], auth: { public: true } }],
      },
    });
    const response = await fetch(gate.base);
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('1');
    expect(await response.json()).toMatchObject({ code: 'RKY_DISC_NO_INSTANCE' });
  });

  it('let an idempotent request go to another instance, and no other', async () => {
    const up = await harness.upstream();
    const dead = await closedPort();
    const gate = await harness.gateway({
      gateway: {
        routes: [{ id: 'x', uri: 'lb://things', predicates: ['Path=/**'], auth: { public: true } }],
      },
      services: { things: [dead, up.origin] },
    });
    const statuses: number[] = [];
    for (let i = 0; i < 6; i++) statuses.push((await fetch(gate.base)).status);
    expect(statuses).toEqual([200, 200, 200, 200, 200, 200]);
    expect(gate.balancer.outcomes).toContainEqual([dead, 'unreachable']);
    const posts: number[] = [];
    for (let i = 0; i < 4; i++) {
      const response = await fetch(gate.base, { method: 'POST', body: 'once' });
      posts.push(response.status);
      if (response.status !== 200) {
        expect(await response.json()).toMatchObject({ code: 'RKY_GW_UPSTREAM_UNREACHABLE' });
      }
    }
    expect(posts.sort()).toEqual([200, 200, 503, 503]);
  });

  it('answer as the first attempt did when there is no other instance', async () => {
    const gate = await harness.gateway({
      gateway: {
        routes: [{ id: 'x', uri: 'lb://things', predicates: ['Path=/**'], auth: { public: true } }],
      },
      services: { things: [await closedPort()] },
    });
    const response = await fetch(gate.base);
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ code: 'RKY_GW_UPSTREAM_UNREACHABLE' });
  });

  it('that take too long are given up with 504, by the clock', async () => {
    const clock = new VirtualClock();
    let arrived: () => void = () => {};
    const begun = new Promise<void>((resolve) => (arrived = resolve));
    const up = await harness.upstream(() => arrived());
    const gate = await harness.gateway({
      clock,
      gateway: {
        routes: [
          {
            id: 'x',
            uri: 'lb://things',
            predicates: ['Path=/**'],
            auth: { public: true },
            timeout: '3s',
          },
        ],
      },
      services: { things: [up.origin] },
    });
    const asked = fetch(gate.base);
    await begun;
    await clock.advance(3_000);
    const response = await asked;
    expect(response.status).toBe(504);
    expect(await response.json()).toMatchObject({
      code: 'RKY_GW_UPSTREAM_TIMEOUT',
      detail: 'things did not answer within 3000 ms',
    });
    expect(gate.balancer.outcomes).toEqual([[up.origin, 'failure']]);
    expect(clock.pending).toBe(0);
  });

  it('that break off before they answer, or speak no HTTP, are 502', async () => {
    const rude = createTcpServer((socket) => socket.resume().end('SSH-2.0-OpenSSH\r\n'));
    const cutter = createTcpServer((socket) => socket.once('data', () => socket.destroy()));
    for (const server of [rude, cutter]) {
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      harness.onStop(() => new Promise((resolve) => server.close(resolve)));
      const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const gate = await harness.gateway({
        gateway: {
          routes: [{ id: 'x', uri: origin, predicates: ['Path=/**'], auth: { public: true } }],
        },
      });
      const response = await fetch(gate.base);
      expect(response.status).toBe(502);
      expect(await response.json()).toMatchObject({ code: 'RKY_GW_UPSTREAM_FAILED' });
    }
  });

  it('open the breaker of their service, which then answers at once', async () => {
    const up = await harness.upstream((_request, response) => {
      response.statusCode = 503;
      response.end('overloaded');
    });
    const gate = await harness.gateway({
      gateway: {
        routes: [{ id: 'x', uri: 'lb://things', predicates: ['Path=/**'], auth: { public: true } }],
      },
      services: { things: [up.origin] },
      breaker: { window: { type: 'count', size: 4 }, minimumCalls: 4, openDuration: '30s' },
    });
    for (let i = 0; i < 4; i++) expect(await (await fetch(gate.base)).text()).toBe('overloaded');
    const refused = await fetch(gate.base);
    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).toBe('30');
    expect(await refused.json()).toMatchObject({ code: 'RKY_RES_CIRCUIT_OPEN' });
    expect(up.received).toHaveLength(4);
  });

  it('do not open the breaker for what clients do wrong', async () => {
    const up = await harness.upstream((_request, response) => {
      response.statusCode = 422;
      response.end();
    });
    const gate = await harness.gateway({
      gateway: {
        bodyLimit: 10,
        routes: [{ id: 'x', uri: 'lb://things', predicates: ['Path=/**'], auth: { public: true } }],
      },
      services: { things: [up.origin] },
      breaker: { window: { type: 'count', size: 4 }, minimumCalls: 4 },
    });
    for (let i = 0; i < 8; i++) expect((await fetch(gate.base)).status).toBe(422);
  });

  it('are not waited for by more requests than may', async () => {
    const waiting: (() => void)[] = [];
    const up = await harness.upstream((_request, response) =>
      waiting.push(() => response.end('ok')),
    );
    const gate = await harness.gateway({
      gateway: {
        connections: 1,
        maxWaiting: 1,
        routes: [{ id: 'x', uri: 'lb://things', predicates: ['Path=/**'], auth: { public: true } }],
      },
      services: { things: [up.origin] },
    });
    const first = [fetch(gate.base), fetch(gate.base)];
    await expect.poll(() => waiting.length).toBe(1);
    const third = await fetch(gate.base);
    expect(third.status).toBe(503);
    expect(await third.json()).toMatchObject({ code: 'RKY_GW_UPSTREAM_BUSY' });
    waiting[0]!();
    await expect.poll(() => waiting.length).toBe(2);
    waiting[1]!();
    expect((await Promise.all(first)).map(({ status }) => status)).toEqual([200, 200]);
  });

  it('survive an instance that closes idle connections just as they are used', async () => {
    const up = await harness.upstream();
    up.server.keepAliveTimeout = 1;
    const gate = await harness.gateway({
      gateway: {
        routes: [{ id: 'x', uri: 'lb://things', predicates: ['Path=/**'], auth: { public: true } }],
      },
      services: { things: [up.origin] },
    });
    for (let i = 0; i < 50; i++) expect((await fetch(gate.base)).status).toBe(200);
  });
});
