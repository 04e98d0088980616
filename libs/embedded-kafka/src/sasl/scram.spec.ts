import { describe, expect, it } from 'vitest';
import { SaslFailure, ScramExchange, scramCredential, type ScramHash } from './scram.js';

/** The example exchanges of RFC 5802, section 5, and RFC 7677, section 3. */
const VECTORS = [
  {
    source: 'RFC 5802',
    hash: 'sha1',
    salt: 'QSXCR+Q6sek8bf92',
    clientFirst: 'n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL',
    serverNonce: '3rfcNHYJY1ZVvWVs7j',
    serverFirst: 'r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096',
    clientFinal:
      'c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=',
    serverFinal: 'v=rmF9pqV8S7suAoZWja4dJRkFsKQ=',
  },
  {
    source: 'RFC 7677',
    hash: 'sha256',
    salt: 'W22ZaJ0SNY7soEsUEjb6gQ==',
    clientFirst: 'n,,n=user,r=rOprNGfwEbeRWgbNEkqO',
    serverNonce: '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0',
    serverFirst:
      'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
    clientFinal:
      'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
    serverFinal: 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
  },
] as const;

function exchange(vector: (typeof VECTORS)[number], password = 'pencil'): ScramExchange {
  const salt = Buffer.from(vector.salt, 'base64');
  const credential = scramCredential(vector.hash, password, { salt });
  return new ScramExchange(() => credential, vector.serverNonce);
}

const step = (one: ScramExchange, text: string) => one.step(Buffer.from(text));

describe.each(VECTORS)('SCRAM as in $source', (vector) => {
  it('answers as the example does', () => {
    const one = exchange(vector);
    expect(step(one, vector.clientFirst)).toEqual({
      token: Buffer.from(vector.serverFirst),
      done: false,
    });
    expect(one.user).toBe('user');
    expect(step(one, vector.clientFinal)).toEqual({
      token: Buffer.from(vector.serverFinal),
      done: true,
    });
  });

  it.each([
    ['a wrong password', (text: string) => text, 'pencils'],
    ['a changed proof', (text: string) => text.replace(/p=./, 'p=A'), undefined],
    ['a proof cut short', (text: string) => text.replace(/p=.*/, 'p=AAAA'), undefined],
    ['another nonce', (text: string) => text.replace('r=', 'r=x'), undefined],
    [
      'a channel binding',
      (text: string) => text.replace('c=biws', 'c=cD10bHMtdW5pcXVlLCw='),
      undefined,
    ],
    ['no proof', (text: string) => text.replace(/,p=.*/, ''), undefined],
  ])('refuses %s', (_what, change, password) => {
    const one = exchange(vector, password);
    step(one, vector.clientFirst);
    expect(() => step(one, change(vector.clientFinal))).toThrow(SaslFailure);
  });
});

describe('a SCRAM exchange', () => {
  const open = (hash: ScramHash = 'sha512') =>
    new ScramExchange(() => scramCredential(hash, 'secret'), 'server');

  it.each([
    'p=tls-unique,,n=user,r=abc',
    'n,,n=user',
    'n,,r=abc,n=user',
    'n,a=other,n=user,r=abc',
    'n,,n=us=er,r=abc',
    '',
    `n,,n=${'u'.repeat(5_000)},r=abc`,
  ])('refuses to begin with %j', (text) => {
    expect(() => step(open(), text)).toThrow(SaslFailure);
  });

  it('reads names with commas and equals signs, and extensions', () => {
    const one = open();
    step(one, 'n,a=a=2Cb=3Dc,n=a=2Cb=3Dc,r=abc,tokenauth=true');
    expect(one.user).toBe('a,b=c');
  });

  it('gives each exchange a nonce and each password a salt of its own', () => {
    const credential = scramCredential('sha256', 'x');
    const greetings = [1, 2].map(() =>
      String(step(new ScramExchange(() => credential), 'n,,n=u,r=abc').token),
    );
    expect(greetings[0]).not.toBe(greetings[1]);
    expect(scramCredential('sha256', 'x').salt).not.toEqual(credential.salt);
  });
});
