import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { VirtualClock, settle } from '@rookery/core/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { KeysUnavailableError, UnauthorizedError } from '../security.errors.js';
import { TokenMaker } from '../testing/index.js';
import { createRemoteVerifier, type RemoteVerifier } from '../token/token-verifier.js';
import type { Fetch } from './fetch-json.js';

let maker: TokenMaker | undefined;
afterEach(async () => {
  await maker?.stop();
  maker = undefined;
});

async function setUp(): Promise<{
  maker: TokenMaker;
  clock: VirtualClock;
  remote: RemoteVerifier;
}> {
  maker = await TokenMaker.start();
  const clock = new VirtualClock(Date.now());
  const remote = createRemoteVerifier({ issuer: maker.issuer, audience: maker.audience, clock });
  return { maker, clock, remote };
}

const forged = (m: TokenMaker, i: number): Promise<string> =>
  m.token({ header: { kid: `forged-${i}` } });

describe('remote keys', () => {
  it('fetch the set once for any number of tokens that come together', async () => {
    const { maker, remote } = await setUp();
    const tokens = await Promise.all(Array.from({ length: 50 }, () => maker.token()));
    await Promise.all(tokens.map((token) => remote.verifier.verify(token)));
    expect(maker.keyFetches).toBe(1);
  });

  it('find a rotated key at once', async () => {
    const { maker, remote } = await setUp();
    await remote.verifier.verify(await maker.token());
    await maker.rotate();
    await expect(remote.verifier.verify(await maker.token())).resolves.toBeDefined();
    expect(maker.keyFetches).toBe(2);
  });

  it('accept a freshly rotated key in the middle of 1,000 forged key ids', async () => {
    const { maker, clock, remote } = await setUp();
    await remote.verifier.verify(await maker.token());
    const floods: Promise<unknown>[] = [];
    for (let i = 0; i < 500; i++) {
      floods.push(remote.verifier.verify(await forged(maker, i)).catch((e: unknown) => e));
    }
    await maker.rotate();
    const valid = remote.verifier.verify(await maker.token());
    for (let i = 500; i < 1_000; i++) {
      floods.push(remote.verifier.verify(await forged(maker, i)).catch((e: unknown) => e));
    }
    let done = false;
    const all = Promise.all([valid, ...floods]).finally(() => (done = true));
    let waitedMs = 0;
    while (!done) {
      for (let turn = 0; turn < 50 && !done; turn++) await settle();
      if (!done) await clock.advance(1_000);
      waitedMs += 1_000;
    }
    const [principal, ...refusals] = await all;
    expect(principal).toMatchObject({ subject: 'user-1' });
    expect(refusals.every((refusal) => refusal instanceof UnauthorizedError)).toBe(true);
    expect(maker.keyFetches).toBeLessThanOrEqual(10);
    expect(waitedMs).toBeLessThanOrEqual(30_000);
  });

  it('fetch at most 10 times a minute whatever key ids come', async () => {
    const { maker, clock, remote } = await setUp();
    await remote.verifier.verify(await maker.token());
    const before = maker.keyFetches;
    for (let second = 0; second < 60; second++) {
      const refused = remote.verifier.verify(await forged(maker, second)).catch(() => {});
      for (let turn = 0; turn < 20; turn++) await settle();
      await clock.advance(1_000);
      void refused;
    }
    expect(maker.keyFetches - before).toBeLessThanOrEqual(10);
  });

  it('do not ask again for a key id that was missing a moment ago', async () => {
    const { maker, remote } = await setUp();
    for (let i = 0; i < 20; i++) {
      await expect(remote.verifier.verify(await forged(maker, 1))).rejects.toThrow(
        UnauthorizedError,
      );
    }
    expect(maker.keyFetches).toBe(2);
  });

  it('keep verifying from a stale set while the issuer is down, within the limit', async () => {
    const { maker, clock, remote } = await setUp();
    await remote.verifier.verify(await maker.token());
    maker.broken = true;
    await clock.advance(3_600_000);
    const later = {
      iat: Math.floor(clock.now() / 1_000),
      exp: Math.floor(clock.now() / 1_000) + 300,
    };
    await expect(
      remote.verifier.verify(await maker.token({ claims: later })),
    ).resolves.toBeDefined();
    await expect.poll(() => remote.keys.state).toBe('stale');
    await clock.advance(86_400_000);
    await expect(remote.verifier.verify(await maker.token())).rejects.toBeInstanceOf(
      KeysUnavailableError,
    );
  });

  it('say 503, not 401, while the issuer was never reached, and recover by themselves', async () => {
    const { maker, clock, remote } = await setUp();
    maker.broken = true;
    const token = await maker.token();
    await expect(remote.verifier.verify(token)).rejects.toMatchObject({
      status: 503,
      headers: { 'retry-after': '2' },
    });
    const failures: unknown[] = [];
    const warm = remote.keys.warm((error) => failures.push(error));
    await settle();
    maker.broken = false;
    await expect
      .poll(async () => {
        await clock.advance(500);
        return remote.keys.state;
      })
      .toBe('fresh');
    await warm;
    expect(failures.length).toBeGreaterThan(0);
    await expect(remote.verifier.verify(token)).resolves.toBeDefined();
  });

  it('stop trying when closed, leaving no timer', async () => {
    const { maker, clock, remote } = await setUp();
    maker.broken = true;
    const warm = remote.keys.warm();
    await expect.poll(() => clock.pending).toBe(1);
    remote.keys.close();
    await warm;
    expect(clock.pending).toBe(0);
  });

  it('refuse metadata of another issuer and endless bodies', async () => {
    const answers: Record<string, Fetch> = {
      'another issuer': async () =>
        Response.json({ issuer: 'https://evil.example', jwks_uri: 'https://evil.example/jwks' }),
      'a jwks_uri that is a file': async () =>
        Response.json({ issuer: 'http://issuer.test', jwks_uri: 'file:///etc/passwd' }),
      'an endless body': async () =>
        new Response(
          new ReadableStream({ pull: (stream) => stream.enqueue(new Uint8Array(65_536)) }),
        ),
    };
    for (const fetch of Object.values(answers)) {
      const remote = createRemoteVerifier({
        issuer: 'http://issuer.test',
        audience: 'a',
        fetch,
        clock: new VirtualClock(),
      });
      const token = await foreignToken();
      await expect(remote.verifier.verify(token)).rejects.toBeInstanceOf(KeysUnavailableError);
    }
  });
});

it('refuses to follow a redirect to another place', async () => {
  const elsewhere = await TokenMaker.start();
  const server = createServer((_, response) => {
    response.writeHead(302, { location: `${elsewhere.issuer}/.well-known/openid-configuration` });
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const remote = createRemoteVerifier({ issuer, audience: 'a' });
  await expect(remote.metadata.get()).rejects.toThrow('fetch failed');
  server.close();
  await elsewhere.stop();
});

async function foreignToken(): Promise<string> {
  maker ??= await TokenMaker.start();
  return maker.token();
}
