import { VirtualClock, settle } from '@rookery/core/testing';
import { decodeJwt } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRemoteVerifier } from '../token/token-verifier.js';
import { ServiceTokenError } from '../security.errors.js';
import { TokenMaker } from '../testing/index.js';
import { ServiceTokens } from './service-tokens.js';

let maker: TokenMaker;
let clock: VirtualClock;

beforeEach(async () => {
  maker = await TokenMaker.start({ expiresIn: 300 });
  clock = new VirtualClock(Date.now());
});
afterEach(() => maker.stop());

function serviceTokens(clientSecret: string | undefined = 's3cret'): ServiceTokens {
  const { metadata } = createRemoteVerifier({ issuer: maker.issuer, audience: 'x', clock });
  return new ServiceTokens({
    metadata,
    clientId: 'orders',
    clientSecret,
    audience: maker.audience,
    fetch: globalThis.fetch,
    clock,
    random: () => 0,
    timeoutMs: 5_000,
  });
}

describe('service tokens', () => {
  it('ask once however many callers wait, then hand out the same token', async () => {
    const tokens = serviceTokens();
    const all = await Promise.all(Array.from({ length: 40 }, () => tokens.tokenFor()));
    expect(new Set(all).size).toBe(1);
    expect(maker.tokenRequests).toBe(1);
    expect(decodeJwt(all[0]!)).toMatchObject({ client_id: 'orders', aud: maker.audience });
  });

  it('keep tokens of different audiences and scopes apart', async () => {
    const tokens = serviceTokens();
    const other = await tokens.tokenFor('urn:other', 'stock:read stock:write');
    expect(decodeJwt(other)).toMatchObject({ aud: 'urn:other', scope: 'stock:read stock:write' });
    expect(await tokens.tokenFor()).not.toBe(other);
    expect(maker.tokenRequests).toBe(2);
  });

  it('renew in the background at 80 % of the life, without a caller waiting', async () => {
    const tokens = serviceTokens();
    const first = await tokens.tokenFor();
    await clock.advance(239_000);
    expect(await tokens.tokenFor()).toBe(first);
    expect(maker.tokenRequests).toBe(1);
    await clock.advance(2_000);
    expect(await tokens.tokenFor()).toBe(first);
    await expect.poll(() => tokens.tokenFor()).not.toBe(first);
    expect(maker.tokenRequests).toBe(2);
  });

  it('hand out a token that still holds while the issuer is down, and recover', async () => {
    const tokens = serviceTokens();
    const first = await tokens.tokenFor();
    maker.broken = true;
    await clock.advance(280_000);
    expect(await tokens.tokenFor()).toBe(first);
    await expect.poll(() => maker.tokenRequests).toBe(1);
    await clock.advance(19_000);
    await expect(tokens.tokenFor()).rejects.toBeInstanceOf(ServiceTokenError);
    maker.broken = false;
    await clock.advance(20_000);
    expect(await tokens.tokenFor()).not.toBe(first);
  });

  it('do not hammer an issuer that refuses', async () => {
    const tokens = serviceTokens();
    maker.broken = true;
    for (let i = 0; i < 20; i++)
      await expect(tokens.tokenFor()).rejects.toMatchObject({ status: 503 });
    maker.broken = false;
    await expect(tokens.tokenFor()).rejects.toMatchObject({ code: 'RKY_SEC_SERVICE_TOKEN' });
    await clock.advance(600);
    await settle();
    await expect(tokens.tokenFor()).resolves.toBeTypeOf('string');
  });

  it('say what is not configured', async () => {
    await expect(serviceTokens('').tokenFor()).rejects.toMatchObject({
      message: expect.stringContaining('answered 401') as string,
    });
    const { metadata } = createRemoteVerifier({ issuer: maker.issuer, audience: 'x', clock });
    const none = new ServiceTokens({
      metadata,
      clientId: undefined,
      clientSecret: undefined,
      audience: 'x',
      fetch: globalThis.fetch,
      clock,
      random: () => 0,
      timeoutMs: 1_000,
    });
    await expect(none.tokenFor()).rejects.toThrow('auth.clientId and auth.clientSecret');
  });
});
