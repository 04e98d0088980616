import { useDatabase } from '@rookery/testing/database';
import { useKafka } from '@rookery/testing/kafka';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { messagingMigrations } from '../messaging.migrations.js';
import { TestService, uniqueEvent, uniqueName, until } from '../testing/test-service.js';

const db = useDatabase({ migrations: [messagingMigrations], poolSize: 20 });
const kafka = useKafka();

let handled: number[];
let broken: boolean;

beforeEach(async () => {
  await db.clear();
  handled = [];
  broken = true;
});
afterEach(() => TestService.stopAll());

async function start(
  attempts: number,
): Promise<{ one: TestService; publish: () => Promise<void> }> {
  const Happened = uniqueEvent();
  const one = await TestService.create(uniqueName(), {
    host: db.unitOfWork,
    brokers: kafka.brokers,
  });
  one.engine.runtime.subscribe({
    consumer: 'patient',
    contracts: [Happened],
    onFailure: 'park',
    retry: { attempts: 1 },
    park: { retry: { initial: 10, max: 20, attempts } },
    handle: async ({ n }) => {
      if (broken && n === 1) throw new Error('not yet');
      handled.push(n ?? 0);
    },
  });
  await one.start();
  const publish = async (): Promise<void> => {
    for (let n = 1; n <= 3; n += 1) await one.engine.publisher.publish(Happened, { key: 'a', n });
  };
  return { one, publish };
}

interface Row {
  status: string;
  replays: number;
  waits: boolean;
}

async function rows(): Promise<Row[]> {
  const result = await db.unitOfWork.query<Row>(
    `select status, replays, next_at is null as waits from rookery_failed_messages order by id`,
  );
  return result.rows;
}

it('tries a parked message by itself, and with it the rest of its key in order', async () => {
  const { one, publish } = await start(1_000);
  await publish();
  await until(async () => ((await rows())[0]?.replays ?? 0) >= 1);
  expect(handled).toEqual([]);
  broken = false;
  await until(() => handled.length === 3);
  expect(handled).toEqual([1, 2, 3]);
  await until(async () => (await rows()).every(({ status }) => status === 'replayed'));
  const page = await one.engine.operations.list();
  const [first] = page.messages.toReversed();
  const { actions } = await one.engine.operations.show(first?.id ?? '');
  expect(actions.at(-1)).toMatchObject({ action: 'retry', actor: 'retry', outcome: 'handled' });
});

it('leaves it to an operator when its tries are used up', async () => {
  const { publish } = await start(1);
  await publish();
  await until(async () => (await rows())[0]?.waits === true);
  expect(await rows()).toMatchObject([
    { status: 'parked', replays: 1 },
    { status: 'parked', replays: 0 },
    { status: 'parked', replays: 0 },
  ]);
  expect(handled).toEqual([]);
});
