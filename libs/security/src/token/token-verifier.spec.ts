import { createHmac, createPublicKey } from 'node:crypto';
import { exportJWK, exportSPKI, generateKeyPair, SignJWT, UnsecuredJWT, importJWK } from 'jose';
import type { CryptoKey } from 'jose';
import { VirtualClock } from '@rookery/core/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UnauthorizedError } from '../security.errors.js';
import { TokenMaker } from '../testing/index.js';
import { createTokenVerifier, type TokenVerifier } from './token-verifier.js';

let maker: TokenMaker;
let verifier: TokenVerifier;

beforeAll(async () => {
  maker = await TokenMaker.start();
  verifier = createTokenVerifier({ issuer: maker.issuer, audience: maker.audience });
});
afterAll(() => maker.stop());

const now = (): number => Math.floor(Date.now() / 1_000);

function claims(): Record<string, unknown> {
  return {
    iss: maker.issuer,
    aud: maker.audience,
    sub: 'mallory',
    client_id: 'test-client',
    iat: now(),
    exp: now() + 300,
  };
}

async function foreign(header: Record<string, unknown> = {}): Promise<string> {
  const { privateKey } = await generateKeyPair('ES256');
  return sign(privateKey, { kid: maker.publicJwk.kid, ...header });
}

function sign(key: CryptoKey, header: Record<string, unknown>, alg = 'ES256'): Promise<string> {
  return new SignJWT(claims()).setProtectedHeader({ alg, typ: 'at+jwt', ...header }).sign(key);
}

function hmac(header: object, secret: string | Buffer): string {
  const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url');
  const input = `${encode(header)}.${encode(claims())}`;
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
}

async function publicPem(): Promise<string> {
  return exportSPKI((await importJWK(maker.publicJwk, 'ES256')) as CryptoKey);
}

/** Every bad token: what is wrong with it, and how it is made. */
const BAD: Record<string, () => Promise<string> | string> = {
  'alg none': () => new UnsecuredJWT(claims()).encode(),
  'alg NoNe': () =>
    new UnsecuredJWT(claims())
      .encode()
      .replace(/^[^.]+/, Buffer.from('{"alg":"NoNe","typ":"at+jwt"}').toString('base64url')),
  'HS256 keyed with the public key in PEM': async () =>
    hmac({ alg: 'HS256', typ: 'at+jwt', kid: maker.publicJwk.kid }, await publicPem()),
  'HS256 keyed with the public key in DER': async () =>
    hmac(
      { alg: 'HS256', typ: 'at+jwt', kid: maker.publicJwk.kid },
      createPublicKey(await publicPem()).export({ type: 'spki', format: 'der' }),
    ),
  'an algorithm off the list': async () => {
    const { privateKey } = await generateKeyPair('ES384');
    return sign(privateKey, { kid: maker.publicJwk.kid }, 'ES384');
  },
  'a key of somebody else under our key id': () => foreign(),
  'a key of somebody else without key id': () => foreign({ kid: undefined }),
  'its own key embedded as jwk': async () => {
    const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
    return sign(privateKey, { jwk: await exportJWK(publicKey), kid: 'own' });
  },
  'a jku of its own': () => foreign({ jku: 'http://127.0.0.1:1/jwks', kid: 'own' }),
  'a key id that traverses paths': () => foreign({ kid: '../../../../dev/null' }),
  'a key id with SQL': () => foreign({ kid: "x' UNION SELECT 'secret' --" }),
  'a key id of 6 kB': () => foreign({ kid: 'k'.repeat(6_000) }),
  'a key id that names a prototype': () => foreign({ kid: '__proto__' }),
  'no exp': () => maker.token({ claims: { exp: undefined } }),
  'no sub': () => maker.token({ claims: { sub: undefined } }),
  'no client_id': () => maker.token({ claims: { client_id: undefined } }),
  'no iat': () => maker.token({ claims: { iat: undefined } }),
  'typ JWT, as an ID token has': () => maker.token({ header: { typ: 'JWT' } }),
  'no typ': () => maker.token({ header: { typ: undefined } }),
  'iat one hour ahead': () => maker.token({ claims: { iat: now() + 3_600 } }),
  'an exp that has passed': () => maker.token({ expiresIn: -60 }),
  'nbf in the future': () => maker.token({ claims: { nbf: now() + 3_600 } }),
  'another issuer': () => maker.token({ claims: { iss: 'https://evil.example' } }),
  'the issuer with a slash more': () => maker.token({ claims: { iss: `${maker.issuer}/` } }),
  'another audience': () => maker.token({ claims: { aud: 'urn:rookery:other' } }),
  'no audience': () => maker.token({ claims: { aud: undefined } }),
  'a critical extension': () =>
    maker.token({ header: { crit: ['urn:example:must'], 'urn:example:must': true } }),
  'a binding to a key, without its proof': () =>
    maker.token({ claims: { cnf: { jkt: 'x'.repeat(43) } } }),
  'exp as text': () => maker.token({ claims: { exp: String(now() + 300) } }),
  'more than 8 KiB': () => maker.token({ claims: { padding: 'x'.repeat(9_000) } }),
  'a changed payload': async () => {
    const [header, , signature] = (await maker.token()).split('.');
    const payload = Buffer.from(JSON.stringify({ ...claims(), roles: ['admin'] }));
    return `${header}.${payload.toString('base64url')}.${signature}`;
  },
  'an empty signature': async () => (await maker.token()).replace(/[^.]+$/, ''),
  'five parts': () => 'a.b.c.d.e',
  'no token at all': () => 'hello',
};

describe('token verifier', () => {
  it('gives the principal of a valid token', async () => {
    const token = await maker.token({ scopes: ['orders:read', 'orders:write'], roles: ['admin'] });
    const principal = await verifier.verify(token);
    expect(principal).toMatchObject({ subject: 'user-1', clientId: 'test-client', token });
    expect([...principal.scopes]).toEqual(['orders:read', 'orders:write']);
    expect([...principal.roles]).toEqual(['admin']);
  });

  it('accepts a list of audiences, the long form of typ, and 20 s of clock difference', async () => {
    const tokens = [
      maker.token({ claims: { aud: ['urn:other', maker.audience] } }),
      maker.token({ header: { typ: 'application/at+jwt' } }),
      maker.token({ claims: { iat: now() + 20 } }),
      maker.token({ expiresIn: -20 }),
    ];
    for (const token of tokens) await expect(verifier.verify(await token)).resolves.toBeDefined();
  });

  it('accepts a token without key id only while it can mean one key', async () => {
    const single = await TokenMaker.start();
    const check = createTokenVerifier({ issuer: single.issuer, audience: single.audience });
    try {
      const token = await single.token({ header: { kid: undefined } });
      await expect(check.verify(token)).resolves.toBeDefined();
      await single.rotate();
      const known = await single.token();
      await check.verify(known);
      const ambiguous = await single.token({ header: { kid: undefined } });
      await expect(check.verify(ambiguous)).rejects.toBeInstanceOf(UnauthorizedError);
    } finally {
      await single.stop();
    }
  });

  for (const [name, make] of Object.entries(BAD)) {
    it(`refuses a token with ${name}`, async () => {
      const refused = verifier.verify(await make());
      await expect(refused).rejects.toMatchObject({ status: 401, code: 'RKY_SEC_UNAUTHORIZED' });
      const error = (await refused.catch((e: unknown) => e)) as UnauthorizedError;
      expect(error.headers['www-authenticate']).toMatch(
        /^Bearer realm="rookery", error="invalid_token"/,
      );
    });
  }

  it('accepts tokens of RS256, PS256 and EdDSA issuers', async () => {
    for (const algorithm of ['RS256', 'PS256', 'EdDSA']) {
      const other = await TokenMaker.start({ algorithm });
      const check = createTokenVerifier({ issuer: other.issuer, audience: other.audience });
      await expect(check.verify(await other.token())).resolves.toMatchObject({ subject: 'user-1' });
      await other.stop();
    }
  });

  it('remembers a token until it expires, and no longer', async () => {
    const clock = new VirtualClock(Date.now());
    const check = createTokenVerifier({ issuer: maker.issuer, audience: maker.audience, clock });
    const token = await maker.token({ expiresIn: 120 });
    const first = await check.verify(token);
    expect(await check.verify(token)).toBe(first);
    await clock.advance(160_000);
    await expect(check.verify(token)).rejects.toMatchObject({ reason: 'expired' });
  });

  it('forgets what it verified when the key is withdrawn', async () => {
    const own = await TokenMaker.start();
    const clock = new VirtualClock(Date.now());
    const check = createTokenVerifier({ issuer: own.issuer, audience: own.audience, clock });
    const token = await own.token();
    await check.verify(token);
    await own.rotate();
    own.retireOldKeys();
    await check.verify(await own.token());
    await expect(check.verify(token)).rejects.toMatchObject({ status: 401 });
    await own.stop();
  });
});
