import { describe, expect, it } from 'vitest';
import { readProperties } from './properties-source.js';

const read = (text: string): Record<string, unknown> =>
  Object.fromEntries(
    [...(readProperties(text, 'f.properties')[0]?.properties ?? [])].map(([key, { value }]) => [
      key,
      value,
    ]),
  );

describe('a properties file', () => {
  it.each([
    ['a=1', { a: '1' }],
    ['a = 1', { a: '1' }],
    ['a: 1', { a: '1' }],
    ['a 1', { a: '1' }],
    ['a', { a: '' }],
    ['a=b=c', { a: 'b=c' }],
    ['  a=1  ', { a: '1  ' }],
    ['# no\n! no\n\na=1', { a: '1' }],
    ['a=1,\\\n   2', { a: '1,2' }],
    ['a=1\\\\\nb=2', { a: '1\\', b: '2' }],
    ['a=\\u00e9\\t\\q', { a: 'é\tq' }],
    ['l[0].x=1\nl[1].x=2', { 'l[0].x': '1', 'l[1].x': '2' }],
    ['a=1\na=2', { a: '2' }],
  ])('%j is %j', (text, expected) => {
    expect(read(text)).toEqual(expected);
  });

  it('names the line of a forbidden key', () => {
    expect(() => read('a=1\n\n__proto__.x=1')).toThrow(/f\.properties:3: .*forbidden/);
  });
});
