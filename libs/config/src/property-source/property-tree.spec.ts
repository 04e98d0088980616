import { describe, expect, it } from 'vitest';
import { flatten } from './property-source.js';
import { mergeSources, valueAt } from './property-tree.js';

const source = (name: string, document: unknown) => ({
  name,
  properties: flatten(document, name, () => '7:1'),
});

describe('merging sources', () => {
  it('takes each key from the first source that has it and says which', () => {
    const tree = mergeSources([
      source('high', { server: { port: 1 } }),
      source('low', { server: { port: 2, host: 'h' } }),
    ]);
    expect(tree.values).toEqual({ server: { port: 1, host: 'h' } });
    expect(tree.provenance.get('server.port')).toBe('high:7');
    expect(tree.provenance.get('server.host')).toBe('low:7');
  });

  it('takes a list whole, never element by element', () => {
    const tree = mergeSources([source('high', { l: ['a'] }), source('low', { l: ['b', 'c'] })]);
    expect(tree.values).toEqual({ l: ['a'] });
  });

  it('lets a higher source replace a map by a value and a value by a map', () => {
    expect(mergeSources([source('h', { a: 1 }), source('l', { a: { b: 2 } })]).values).toEqual({
      a: 1,
    });
    expect(mergeSources([source('h', { a: { b: 2 } }), source('l', { a: 1 })]).values).toEqual({
      a: { b: 2 },
    });
  });

  it('knows a key in any spelling', () => {
    const tree = mergeSources([
      source('high', { server: { 'drain-delay': '1s' } }),
      source('low', { server: { drainDelay: '9s' } }),
    ]);
    expect(valueAt(tree.values, ['server', 'drain_delay'])).toBe('1s');
    expect(Object.keys(tree.values.server as object)).toHaveLength(1);
  });
});
