import { describe, expect, it } from 'vitest';
import { matchesBasicAuth } from './basic-auth.js';

const expected = { username: 'config', password: 'pä:ss' };
const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;

describe('basic authentication', () => {
  it('takes the right user and password, in UTF-8 and with colons', () => {
    expect(matchesBasicAuth(basic('config:pä:ss'), expected)).toBe(true);
    expect(matchesBasicAuth(basic('config:pä:ss').replace('Basic', 'bAsIc'), expected)).toBe(true);
  });

  it.each([
    undefined,
    '',
    'Basic',
    'Basic ===',
    'Basic !!!!',
    basic('config:wrong'),
    basic('config'),
    basic(':'),
    basic('config:pä:ss '),
    `Bearer ${btoa('x')}`,
    `${basic('config:pä:ss')}, ${basic('a:b')}`,
    basic(`config:${'x'.repeat(5_000)}`),
  ])('refuses %s', (header) => {
    expect(matchesBasicAuth(header, expected)).toBe(false);
  });
});
