import { settle, VirtualClock } from '@rookery/core/testing';
import { expect, it } from 'vitest';
import { Output } from '../output/output.js';
import { reportSlowStart } from './slow-start.js';

it('says what a start waits for, every ten seconds until it is over', async () => {
  const lines: string[] = [];
  const sink = { write: (text: string) => lines.push(text) > 0, once: () => undefined };
  const clock = new VirtualClock();
  const rows = [
    { name: 'config-server-1', app: 'config-server', port: 8888, state: 'starting' },
    { name: 'orders-1', app: 'orders', port: 8081, state: 'waiting' },
  ];
  const end = reportSlowStart(() => rows, new Output('json', sink), clock);
  await clock.advance(9_999);
  expect(lines).toEqual([]);
  await clock.advance(10_001);
  end();
  await clock.advance(20_000);
  await settle();
  expect(lines.map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual([
    'config-server-1 is not ready after 10 s, still waiting: see http://127.0.0.1:8888/manage/health',
    'config-server-1 is not ready after 20 s, still waiting: see http://127.0.0.1:8888/manage/health',
  ]);
});
