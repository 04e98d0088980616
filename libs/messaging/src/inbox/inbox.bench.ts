import { useDatabase } from '@rookery/testing/database';
import { expect, it } from 'vitest';
import { messagingMigrations } from '../messaging.migrations.js';
import { Inbox } from './inbox.js';
import { reportJson } from '../testing/test-report.js';

const db = useDatabase({ migrations: [messagingMigrations] });
const ROWS = 1_000_000;
const CHUNK = 50_000;

it('forgets a million messages while others are remembered', { timeout: 300_000 }, async () => {
  for (let rows = 0; rows < ROWS; rows += CHUNK) {
    await db.unitOfWork.query(
      `insert into rookery_inbox (consumer, message_id, received_at)
       select 'bench', gen_random_uuid()::text,
              now() - interval '9 days' + n * interval '1 millisecond'
         from generate_series($1::int, $2::int) as n`,
      [rows + 1, rows + CHUNK],
    );
  }
  const inbox = new Inbox(db.unitOfWork);
  let cleaning = true;
  const waits: number[] = [];
  const remembering = async (): Promise<void> => {
    for (let n = 0; cleaning; n += 1) {
      const begin = performance.now();
      await inbox.remember('bench', `new-${n}`);
      waits.push(performance.now() - begin);
    }
  };
  const remembered = remembering();
  const start = performance.now();
  const forgotten = await inbox.forgetOlderThan(8 * 86_400_000);
  const seconds = (performance.now() - start) / 1_000;
  cleaning = false;
  await remembered;
  expect(forgotten).toBe(ROWS);
  waits.sort((a, b) => a - b);
  reportJson('forgetting a million messages', {
    rowsPerSecond: ROWS / seconds,
    rememberMillisecondsP99: waits[Math.floor(waits.length * 0.99)] ?? 0,
    rememberMillisecondsMax: waits.at(-1) ?? 0,
  });
});
