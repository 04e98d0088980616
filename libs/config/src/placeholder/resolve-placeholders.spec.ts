import { describe, expect, it } from 'vitest';
import { PlaceholderError } from '../config.errors.js';
import { resolvePlaceholders } from './resolve-placeholders.js';

const resolve = (text: string, values: Record<string, unknown> = {}): unknown =>
  resolvePlaceholders({ key: text }, (name) => values[name]).key;

describe('a placeholder', () => {
  it.each([
    ['plain', {}, 'plain'],
    ['${a}', { a: 'x' }, 'x'],
    ['<${a}-${b}>', { a: 1, b: true }, '<1-true>'],
    ['${a:fallback}', {}, 'fallback'],
    ['${a:}', {}, ''],
    ['${a:http://h:80}', {}, 'http://h:80'],
    ['${a:${b:deep}}', {}, 'deep'],
    ['${${which}.url}', { which: 'eu', 'eu.url': 'u' }, 'u'],
    ['${a}', { a: '${b}', b: '${c}', c: 'end' }, 'end'],
    ['\\${a} and ${a}', { a: 'x' }, '${a} and x'],
    ['${open', {}, '${open'],
    ['$a {b}', {}, '$a {b}'],
  ])('%s with %j is %s', (text, values, expected) => {
    expect(resolve(text, values)).toBe(expected);
  });

  it('that stands alone keeps the type of what it names', () => {
    expect(resolve('${n}', { n: 5 })).toBe(5);
    expect(resolve('${l}', { l: ['a'] })).toEqual(['a']);
  });

  it('names the key that cannot be resolved', () => {
    expect(() => resolve('x${gone}')).toThrow(PlaceholderError);
    expect(() => resolve('x${gone}')).toThrow(/key: the placeholder \$\{gone\} has no value/);
  });

  it('without a value is kept where that is asked for', () => {
    const kept = resolvePlaceholders({ a: '<${gone}>', b: '${gone:x}' }, () => undefined, {
      missing: 'keep',
    });
    expect(kept).toEqual({ a: '<${gone}>', b: 'x' });
  });

  it('shows the circle it is part of', () => {
    expect(() => resolve('${a}', { a: '${b}', b: '${c:1}', c: '${a}' })).toThrow(
      /refers to itself \(a -> b -> c -> a\)/,
    );
    expect(() => resolve('${key}', { key: '${key}' })).toThrow(/key -> key/);
  });

  it('ends chains that double at each level, soon', () => {
    const values: Record<string, unknown> = { v40: 'x'.repeat(10) };
    for (let n = 0; n < 40; n++) values[`v${n}`] = `\${v${n + 1}}\${v${n + 1}}`;
    expect(() => resolve('${v20}', values)).toThrow(/expand to over/);
    expect(() => resolve('${v0}', values)).toThrow(PlaceholderError);
  });
});
