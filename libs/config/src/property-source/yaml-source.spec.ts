import { describe, expect, it } from 'vitest';
import { ConfigDocumentError } from '../config.errors.js';
import { readYaml } from './yaml-source.js';

const flat = (text: string, profiles: string[] = []): Record<string, unknown>[] =>
  readYaml(text, 'f.yml', profiles).map(({ properties }) =>
    Object.fromEntries([...properties].map(([key, { value }]) => [key, value])),
  );

describe('a YAML file', () => {
  it('is flattened as Spring does, with the position of each value', () => {
    const [source] = readYaml('a:\n  b: 1\n  c: [x, {d: true}]\nn: ~\nempty: []\n', 'f.yml');
    expect(Object.fromEntries(source!.properties)).toEqual({
      'a.b': { value: 1, origin: '2:6' },
      'a.c[0]': { value: 'x', origin: '3:7' },
      'a.c[1].d': { value: true, origin: '3:14' },
      n: { value: '', origin: '4:4' },
      empty: { value: '', origin: '5:8' },
    });
  });

  it('takes dotted keys as paths and bracketed ones literally', () => {
    expect(flat('a.b: 1\nmap:\n  "[x.y]": 2\n')).toEqual([{ 'a.b': 1, 'map[x.y]': 2 }]);
  });

  it('resolves anchors and merge keys', () => {
    expect(flat('base: &b {x: 1, y: 2}\nother:\n  <<: *b\n  y: 3\n')).toEqual([
      { 'base.x': 1, 'base.y': 2, 'other.x': 1, 'other.y': 3 },
    ]);
  });

  it('lets later documents win and activates them by profile', () => {
    const text =
      'a: 1\n---\nspring.config.activate.on-profile: dev, test\na: 2\n---\n' +
      'spring.config.activate.on-profile: "!dev"\na: 3\n';
    expect(flat(text, ['dev']).map(({ a }) => a)).toEqual([2, 1]);
    expect(flat(text, ['prod']).map(({ a }) => a)).toEqual([3, 1]);
  });

  it('says in which line it does not parse', () => {
    expect(() => readYaml('a: 1\nb: [1\nc: 2\n', 'f.yml')).toThrow(/^f\.yml:\d+: is not YAML: /);
    expect(() => readYaml('a: 1\na: 2\n', 'f.yml')).toThrow(/f\.yml:\d.*unique/i);
  });

  it('refuses a document that is no map', () => {
    expect(() => readYaml('- 1\n', 'f.yml')).toThrow(/not a map/);
  });

  it.each(['__proto__: {polluted: true}', 'a: {constructor: {prototype: {x: 1}}}'])(
    'refuses %s and pollutes nothing',
    (text) => {
      expect(() => readYaml(text, 'f.yml')).toThrow(ConfigDocumentError);
      expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    },
  );

  it('refuses aliases that explode', () => {
    const lines = ['a0: &a0 [x,x,x,x,x,x,x,x,x,x]'];
    for (let n = 1; n < 9; n++) {
      lines.push(
        `a${n}: &a${n} [${Array(10)
          .fill(`*a${n - 1}`)
          .join(',')}]`,
      );
    }
    expect(() => readYaml(lines.join('\n'), 'f.yml')).toThrow(ConfigDocumentError);
  });
});
