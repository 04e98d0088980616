import { describe, expect, it } from 'vitest';
import { SecretBox } from './secret-box.js';

const SECRET = 'a secret of at least 32 characters';

describe('secret box', () => {
  it('opens what it sealed, each time sealed differently', () => {
    const box = new SecretBox(SECRET);
    const [one, two] = [box.seal('key', 'kid-1'), box.seal('key', 'kid-1')];
    expect(one).not.toBe(two);
    expect(one).not.toContain('key');
    expect([box.open(one, 'kid-1'), box.open(two, 'kid-1')]).toEqual(['key', 'key']);
  });

  it('refuses another secret, another name, and changed bytes', () => {
    const sealed = new SecretBox(SECRET).seal('key', 'kid-1');
    const changed = sealed.slice(0, -2) + (sealed.endsWith('AA') ? 'BB' : 'AA');
    expect(() => new SecretBox(`${SECRET}!`).open(sealed, 'kid-1')).toThrow('does not open');
    expect(() => new SecretBox(SECRET).open(sealed, 'kid-2')).toThrow('does not open');
    expect(() => new SecretBox(SECRET).open(changed, 'kid-1')).toThrow('does not open');
    expect(() => new SecretBox(undefined).open(sealed, 'kid-1')).toThrow('is missing');
  });

  it('reads what was stored before a secret was configured', () => {
    const plain = new SecretBox(undefined).seal('{"kty":"EC"}', 'kid-1');
    expect(new SecretBox(SECRET).open(plain, 'kid-1')).toBe('{"kty":"EC"}');
  });
});
