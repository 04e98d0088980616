import { seededRandom, settle, VirtualClock } from '@rookery/core/testing';
import { useDatabase } from '@rookery/testing/database';
import { describe, expect, it } from 'vitest';
import { messagingMigrations } from '../messaging.migrations.js';
import { Housekeeping } from './housekeeping.js';
import { Inbox } from './inbox.js';

const db = useDatabase({ migrations: [messagingMigrations] });

describe('Inbox', () => {
  it('remembers a message per consumer, with the transaction or not at all', async () => {
    const inbox = new Inbox(db.unitOfWork);
    expect(await inbox.remember('a', '1')).toBe(true);
    expect(await inbox.remember('a', '1')).toBe(false);
    expect(await inbox.remember('b', '1')).toBe(true);
    await db.unitOfWork
      .run(async () => {
        await inbox.remember('a', '2');
        throw new Error('rolled back');
      })
      .catch(() => undefined);
    expect(await inbox.remember('a', '2')).toBe(true);
  });

  it('forgets what is older than asked, however much it is', async () => {
    await db.clear();
    const inbox = new Inbox(db.unitOfWork);
    await db.unitOfWork.query(
      `insert into rookery_inbox select 'a', n::text, now() - interval '9 days'
         from generate_series(1, 12000) as n`,
    );
    await inbox.remember('a', 'new');
    expect(await inbox.forgetOlderThan(8 * 86_400_000)).toBe(12_000);
    expect(await inbox.remember('a', 'new')).toBe(false);
    expect(await inbox.remember('a', '1')).toBe(true);
  });
});

describe('Housekeeping', () => {
  it('cleans about every hour, goes on after a failure, and stops at once', async () => {
    const clock = new VirtualClock();
    const ages: number[] = [];
    const lines: string[] = [];
    const cleaner = new Housekeeping(
      [
        {
          what: 'inbox',
          ageMs: 1_000,
          keeper: {
            async forgetOlderThan(ageMs) {
              ages.push(ageMs);
              if (ages.length === 1) throw new Error('away');
              return 5;
            },
          },
        },
      ],
      {
        clock,
        random: seededRandom(3),
        log: (level, message) => lines.push(`${level}: ${message}`),
      },
    );
    cleaner.start();
    await clock.advance(6 * 3_600_000);
    expect(ages.length).toBeGreaterThan(3);
    expect(ages.length).toBeLessThan(13);
    expect(lines[0]).toBe('warn: the inbox could not be cleaned (away); trying again in an hour');
    expect(lines[1]).toBe('debug: the inbox forgot 5 messages');
    await cleaner.stop();
    await settle();
    expect(clock.pending).toBe(0);
  });
});
