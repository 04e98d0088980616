import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { seededRandom } from '@rookery/core/testing';
import { EmbeddedKafka } from '@rookery/embedded-kafka';
import { messagingMigrations } from '@rookery/messaging';
import { useDatabase } from '@rookery/testing/database';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundleProcess, type ProcessBundle } from '../setup/process-bundle.js';
import { Pool } from './arena-pool.js';
import { total } from './audit.js';
import type { CrashReport, Line } from './crash-report.js';
import { KILL_POINTS, type KillPoint, type KillPointId } from './kill-points.js';
import type { Broken, DriverName } from './service-protocol.js';
import { ShopArena, type RunResult } from './shop-arena.js';
import { shopMigrations } from './shop.js';

/** Shops that run side by side: most of a run is waiting for partitions of the dead. */
const ARENAS = 3;
const MAX_ARRIVALS = 5;
const DRIVERS = ['kafkajs', 'platformatic'] as const;

const runs = Number(process.env['CRASH_RUNS'] ?? 2);
const seed = Number(process.env['CRASH_SEED'] ?? Math.floor(Math.random() * 1_000_000));
/** Of the broken readers at least: what they do wrong is a matter of chance. */
const revealingRuns = Math.max(runs, 3);
const reportFile = process.env['CRASH_REPORT'];

const migrations = [messagingMigrations, shopMigrations];
const databases = () => ({
  orders: useDatabase({ migrations, poolSize: 3 }),
  inventory: useDatabase({ migrations, poolSize: 3 }),
});
const sound = DRIVERS.flatMap((driver) =>
  Array.from({ length: ARENAS }, (_, i) => ({
    name: `${driver}-${i}`,
    driver,
    databases: databases(),
  })),
);
const broken = { cursor: databases(), 'no-inbox': databases() };

const arenas: Readonly<Record<DriverName, Pool<ShopArena>>> = {
  kafkajs: new Pool<ShopArena>(),
  platformatic: new Pool<ShopArena>(),
};
const open: ShopArena[] = [];
const points: Line[] = [];
const readers: Line[] = [];
const began = performance.now();
let kafka: EmbeddedKafka;
let bundle: ProcessBundle;

beforeAll(async () => {
  process.stdout.write(`crash matrix: ${runs} runs at each point, seed ${seed}\n`);
  kafka = await EmbeddedKafka.start({ minSessionTimeout: '1s', maxConnections: 1_000 });
  bundle = await bundleProcess(join(import.meta.dirname, 'service-process.ts'));
  await Promise.all(sound.map(async (parts) => arenas[parts.driver].add(await arena(parts))));
});

afterAll(async () => {
  await Promise.all(open.map((each) => each.close()));
  await kafka.stop();
  bundle.remove();
  if (reportFile === undefined) return;
  const seconds = Math.round((performance.now() - began) / 1_000);
  const order = (line: Line): number =>
    KILL_POINTS.findIndex(({ id }) => line.name.startsWith(`${id} `));
  points.sort((a, b) => order(a) - order(b));
  const report: CrashReport = { seed, runs, seconds, points, broken: readers };
  writeFileSync(reportFile, JSON.stringify(report, undefined, 2));
});

describe('kill -9', () => {
  const cases = DRIVERS.flatMap((driver) => KILL_POINTS.map(({ id }) => ({ id, driver })));
  it.concurrent.each(cases)(
    'at $id, $driver: nothing lost, doubled or out of order',
    async ({ id, driver }) => {
      const results = await Promise.all(
        Array.from({ length: runs }, (_, run) => arenas[driver].use((shop) => kill(shop, id, run))),
      );
      const line = summary(`${id} (${driver})`, results, id);
      points.push(line);
      process.stdout.write(`${Math.round((performance.now() - began) / 1_000)} s  ${line.name}\n`);
      expect(line, `seed ${seed}`).toMatchObject({
        killed: runs,
        lost: 0,
        doubled: 0,
        inverted: 0,
      });
    },
  );
});

/** Kills that make each broken reader show what it is. */
const REVEALING: Readonly<Record<Broken, readonly KillPointId[]>> = {
  cursor: ['relay:after-send-before-ack', 'commit:before-reply', 'consumer:after-fetch'],
  'no-inbox': [
    'relay:after-send-before-ack',
    'relay:after-ack-before-delete',
    'consumer:after-commit-before-offset-commit',
  ],
};

describe('the same kills with readers that are broken on purpose', () => {
  const revealed = async (reader: Broken): Promise<Line> => {
    const shop = await arena({
      name: reader,
      driver: 'kafkajs',
      databases: broken[reader],
      broken: reader,
    });
    const results: RunResult[] = [];
    for (let run = 0; run < revealingRuns; run += 1) {
      const ids = REVEALING[reader];
      results.push(await kill(shop, ids[run % ids.length] as KillPointId, run));
    }
    const line = summary(reader, results);
    readers.push(line);
    return line;
  };

  it.concurrent('a relay with a cursor over ids loses orders', async () => {
    const line = await revealed('cursor');
    expect(line.killed).toBe(revealingRuns);
    expect(line.lost, `seed ${seed}`).toBeGreaterThan(0);
  });

  it.concurrent('consumers without an inbox double effects', async () => {
    const line = await revealed('no-inbox');
    expect(line.killed).toBe(revealingRuns);
    expect(line.doubled, `seed ${seed}`).toBeGreaterThan(0);
  });
});

async function arena(
  parts: Pick<Parameters<typeof ShopArena.create>[0], 'name' | 'driver' | 'databases' | 'broken'>,
): Promise<ShopArena> {
  const shop = await ShopArena.create({ ...parts, kafka, bundle: bundle.file });
  open.push(shop);
  return shop;
}

/** The run that the seed says: whoever is killed, and at which arrival. */
async function kill(shop: ShopArena, point: KillPointId, run: number): Promise<RunResult> {
  const index = KILL_POINTS.findIndex(({ id }) => id === point);
  const random = seededRandom(seed * 1_000_003 + index * 10_007 + run);
  const { roles = ['orders'], parks = false }: Partial<KillPoint> = KILL_POINTS[index] ?? {};
  const role = roles[Math.floor(random() * roles.length)] ?? 'orders';
  const nth = 1 + Math.floor(random() * MAX_ARRIVALS);
  try {
    return await shop.run({ point, role, nth, parks }, random);
  } catch (error) {
    const what = `run ${run} of seed ${seed}: ${role}, arrival ${nth} at ${point}`;
    throw new Error(`${what}: ${(error as Error).message}`, { cause: error });
  }
}

function summary(name: string, results: readonly RunResult[], point?: KillPointId): Line {
  const killed = results.filter(
    ({ died }) => died.by === 'SIGKILL' && (point === undefined || died.at === point),
  );
  const orders = results.reduce((sum, result) => sum + result.orders, 0);
  return { name, runs: results.length, killed: killed.length, orders, ...total(results) };
}
