import { describe, expect, it } from 'vitest';
import { ConfigDocumentError } from '../config.errors.js';
import { formatPath, parsePath, relaxed } from './property-path.js';

describe('a property key', () => {
  it.each([
    ['a', ['a']],
    ['a.b-c.dE', ['a', 'b-c', 'dE']],
    ['routes[0].id', ['routes', 0, 'id']],
    ['m[0][1]', ['m', 0, 1]],
    ['map[x.y/z].q', ['map', 'x.y/z', 'q']],
    ['[x.y]', ['x.y']],
  ])('%s is read and written back', (key, segments) => {
    expect(parsePath(key, 'f.yml')).toEqual(segments);
    expect(formatPath(segments)).toBe(key);
  });

  it.each(['', '.', 'a.', '.a', 'a..b', 'a]', 'a[', '[]', 'a[0]b', 'a[0'])(
    "'%s' is refused as malformed",
    (key) => {
      expect(() => parsePath(key, 'f.yml')).toThrow(/f\.yml: .*is not a property key/);
    },
  );

  it.each(['__proto__.polluted', 'a.constructor.b', 'a[prototype]', 'a[0].__proto__'])(
    '%s is refused because it reaches into prototypes',
    (key) => {
      const read = (): unknown => parsePath(key, 'f.yml');
      expect(read).toThrow(ConfigDocumentError);
      expect(read).toThrow(/is forbidden/);
    },
  );

  it('may not make a list of a billion holes', () => {
    expect(() => parsePath('a[999999999]', 'f.yml')).toThrow(/above 9999/);
  });

  it('may not nest absurdly deep', () => {
    expect(() => parsePath('a'.repeat(40).split('').join('.'), 'f.yml')).toThrow(/deeper than 32/);
  });

  it('is the same in kebab, snake and camel case', () => {
    expect(new Set(['drain-delay', 'drain_delay', 'drainDelay'].map(relaxed)).size).toBe(1);
  });
});
