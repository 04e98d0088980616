import { RookeryError } from '@rookery/core';
import { describe, expect, it } from 'vitest';
import { describeError, isSecretKey, redact, REDACTED, scrub } from './redact.js';

describe('fields that hold secrets', () => {
  it.each([
    'password',
    'Password',
    'db_password',
    'clientSecret',
    'client_secret',
    'token',
    'access_token',
    'refreshToken',
    'authorization',
    'Proxy-Authorization',
    'cookie',
    'Set-Cookie',
    'card',
    'cardNumber',
    'cvv',
    'apiKey',
    'x.token',
  ])('%s', (key) => expect(isSecretKey(key)).toBe(true));

  it.each(['order', 'discard', 'tokenEndpoint', 'cardinality', 'passwordless', 'name', 'sku'])(
    'not %s',
    (key) => expect(isSecretKey(key)).toBe(false),
  );
});

describe('redact', () => {
  it('replaces secrets at any depth and leaves the rest', () => {
    expect(
      redact({
        order: 7,
        user: { name: 'ann', password: 'hunter2', devices: [{ id: 1, token: 'abc' }] },
        card: { number: '4111', cvc: '123' },
        secret: null,
      }),
    ).toEqual({
      order: 7,
      user: { name: 'ann', password: REDACTED, devices: [{ id: 1, token: REDACTED }] },
      card: REDACTED,
      secret: null,
    });
  });

  it('does not change what it was given', () => {
    const given = { user: { password: 'hunter2' } };
    redact(given);
    expect(given.user.password).toBe('hunter2');
  });

  it('survives circles, bytes, big numbers, dates and huge values', () => {
    const circle: Record<string, unknown> = { at: new Date(0), big: 2n ** 64n };
    circle['self'] = circle;
    circle['bytes'] = Buffer.alloc(10_000);
    circle['list'] = Array.from({ length: 1_000 }, (_, i) => i);
    circle['text'] = 'x'.repeat(100_000);
    const text = JSON.stringify(redact(circle));
    expect(text.length).toBeLessThan(150_000);
    const parsed = JSON.parse(text) as Record<string, unknown>;
    expect(parsed).toMatchObject({
      at: '1970-01-01T00:00:00.000Z',
      big: '18446744073709551616',
      bytes: '[10000 bytes]',
    });
    expect(parsed['list']).toHaveLength(101);
  });

  it('does not follow an object whose JSON is itself', () => {
    const odd = { toJSON: () => odd };
    expect(redact({ odd })).toEqual({ odd: '[object]' });
  });
});

describe('describeError', () => {
  it('keeps type, code and the chain of causes, and nothing that clients hang onto errors', () => {
    const cause = Object.assign(new TypeError('fetch failed'), {
      code: 'ECONNREFUSED',
      config: { headers: { authorization: 'Bearer abcdefghijkl' } },
    });
    const described = describeError(new Error('no stock', { cause })) as Record<string, unknown>;
    expect(described).toMatchObject({
      type: 'Error',
      message: 'no stock',
      cause: { type: 'TypeError', code: 'ECONNREFUSED' },
    });
    expect(described['stack']).toContain('redact.spec');
    expect(JSON.stringify(described)).not.toContain('abcdefghijkl');
  });

  it('keeps the details of our own errors, redacted', () => {
    class Refused extends RookeryError {
      override readonly code = 'RKY_TEST_REFUSED';
    }
    const error = new Refused('refused', { details: { sku: 'cup', token: 'abc' } });
    expect(describeError(error)).toMatchObject({
      code: 'RKY_TEST_REFUSED',
      details: { sku: 'cup', token: REDACTED },
    });
  });

  it('ends a chain of causes that leads back to itself', () => {
    const error = new Error('loop');
    error.cause = error;
    expect(() => JSON.stringify(describeError(error))).not.toThrow();
  });
});

describe('scrub', () => {
  const jwt = 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJlLWNhbmFyeQ';

  it.each([
    [`sent ${jwt} to b`, 'c2lnbmF0dXJlLWNhbmFyeQ'],
    ['authorization: Bearer canary-0123456789', 'canary'],
    ['header Basic Y2FuYXJ5OmNhbmFyeQ==', 'Y2FuYXJ5'],
    ['connect postgres://orders:canary@db:5432/orders', 'canary'],
    ['GET /callback?code=1&access_token=canary&x=2', 'canary'],
    ['body {"password":"canary","a":1}', 'canary'],
    [JSON.stringify({ msg: 'body {"user":{"password":"can\\"ary"}}' }), 'ary'],
    ['PGPASSWORD=canary psql', 'canary'],
    [JSON.stringify({ cvv: 123_456 }), '123456'],
  ])('takes the secret out of %s', (text, canary) => {
    expect(scrub(text)).not.toContain(canary);
    expect(scrub(text)).toContain(REDACTED);
  });

  it.each([
    'order 7 shipped',
    'see https://example.com/orders/7',
    '{"time":"2026-01-01T00:00:00.000Z","msg":"GET /token 200"}',
    'basic information follows',
    'token refreshed',
  ])('leaves %s alone', (text) => expect(scrub(text)).toBe(text));

  it('keeps a line of JSON a line of JSON', () => {
    const line = JSON.stringify({ a: 'x', password: 'p"q\\', nested: { token: 'b' }, z: [1] });
    expect(JSON.parse(scrub(line))).toEqual({
      a: 'x',
      password: REDACTED,
      nested: { token: REDACTED },
      z: [1],
    });
  });

  it.each([
    ['a.'.repeat(50_000)],
    ['password'.repeat(20_000)],
    ['eyJ-'.repeat(25_000)],
    ['\\'.repeat(100_000) + '"token'],
    ['://' + 'a'.repeat(100_000) + ':' + 'b'.repeat(100_000)],
    ['basic '.repeat(20_000)],
    ['"token":"' + '\\'.repeat(99_999)],
  ])('takes no longer for text made to make it slow (%.12s)', (evil) => {
    const startedAt = performance.now();
    scrub(`token ${evil}`);
    // Milliseconds when linear, minutes when not.
    expect(performance.now() - startedAt).toBeLessThan(2_000);
  });
});
