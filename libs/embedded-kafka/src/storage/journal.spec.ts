import { appendFileSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../testing/temporary-directory.js';
import { Journal } from './journal.js';

const contents = <V>(journal: Journal<V>): Record<string, V> =>
  Object.fromEntries(journal.entries());

describe('Journal', () => {
  it('is a map in memory without a path', () => {
    const journal = new Journal<number>();
    journal.set('a', 1);
    journal.set('b', 2);
    journal.delete('a');
    journal.delete('never');
    expect(contents(journal)).toEqual({ b: 2 });
    journal.close();
  });

  it.each([true, false])(
    'holds after reopening what was set and not deleted (fsync %s)',
    (fsync) => {
      const path = join(temporaryDirectory(), 'new', 'x.journal');
      const first = new Journal<unknown>(path, fsync);
      first.set('a', { deep: ['ü', null] });
      first.set('a', 'twice');
      first.set('b', 2);
      first.delete('b');
      first.set('c', false);
      // Not closed: as after a kill.
      expect(contents(new Journal(path))).toEqual({ a: 'twice', c: false });
      expect(statSync(path).mode & 0o077).toBe(0);
    },
  );

  it('drops a torn tail of any length, and goes on from there', () => {
    const path = join(temporaryDirectory(), 'x.journal');
    const first = new Journal<string>(path);
    first.set('kept', 'yes');
    const good = statSync(path).size;
    first.set('torn', 'a longer value');
    const whole = readFileSync(path);
    for (let size = good; size < whole.length; size++) {
      writeFileSync(path, whole.subarray(0, size));
      const reopened = new Journal<string>(path);
      expect(contents(reopened)).toEqual({ kept: 'yes' });
      reopened.set('after', 'x');
      reopened.close();
      expect(contents(new Journal(path))).toEqual({ kept: 'yes', after: 'x' });
    }
    truncateSync(path, good);
    appendFileSync(path, Buffer.from('00000002deadbeef7b7d', 'hex'));
    expect(contents(new Journal(path))).toEqual({ kept: 'yes' });
  });

  it('stays small when the same keys change for ever', () => {
    const path = join(temporaryDirectory(), 'x.journal');
    const journal = new Journal<number>(path);
    for (let n = 0; n < 20_000; n++) journal.set(`k${n % 10}`, n);
    expect(statSync(path).size).toBeLessThan(5_000 * 60);
    journal.close();
    const reopened = new Journal<number>(path);
    expect(contents(reopened)['k9']).toBe(19_999);
    expect(Object.keys(contents(reopened))).toHaveLength(10);
  });

  it('refuses changes after close', () => {
    const journal = new Journal<number>(join(temporaryDirectory(), 'x.journal'));
    journal.close();
    expect(() => journal.set('a', 1)).toThrow('closed');
    expect(journal.get('a')).toBeUndefined();
  });
});
