import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seededRandom } from '@rookery/core/testing';
import { messagingMigrations } from '@rookery/messaging';
import { useDatabase } from '@rookery/testing/database';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bundleProcess } from '../setup/process-bundle.js';
import { BrokerHandle } from './broker-handle.js';
import { growth, median } from './heap.js';
import { marketMigrations } from './market.js';
import { KEPT_THROUGHPUT, keptThroughput, Soak, type SoakReport } from './soak.js';

const HEAP_GROWTH = 0.1;
const minutes = Number(process.env['SOAK_MINUTES'] ?? 1);
const seed = Number(process.env['SOAK_SEED'] ?? Math.floor(Math.random() * 1_000_000));
const reportFile = process.env['SOAK_REPORT'];
const migrations = [messagingMigrations, marketMigrations];
const databases = {
  shop: useDatabase({ migrations, poolSize: 3 }),
  warehouse: useDatabase({ migrations, poolSize: 3 }),
};

let report: SoakReport;
const warnings: string[] = [];
const warned = (warning: Error): void => void warnings.push(`${warning.name}: ${warning.message}`);

beforeAll(
  async () => {
    process.stdout.write(`soak: ${minutes} min, seed ${seed}\n`);
    process.on('warning', warned);
    const dataDirectory = mkdtempSync(join(tmpdir(), 'rookery-soak-'));
    const bundle = await bundleProcess(join(import.meta.dirname, 'broker-process.ts'));
    const broker = new BrokerHandle(bundle.file, dataDirectory);
    try {
      await broker.start();
      const random = seededRandom(seed);
      const log = (line: string): void => void process.stdout.write(line);
      report = await new Soak({ databases, broker, random, log }).run(minutes * 60_000);
    } finally {
      await broker.kill();
      bundle.remove();
      rmSync(dataDirectory, { recursive: true, force: true });
    }
  },
  (minutes + 5) * 60_000,
);

afterAll(() => {
  process.off('warning', warned);
  if (reportFile === undefined) return;
  const kept = keptThroughput(report.pairs);
  writeFileSync(reportFile, JSON.stringify({ seed, minutes, kept, ...report }, undefined, 2));
});

const NOTHING = { lost: 0, doubled: 0, inverted: 0 };

it('everything went wrong that should', () => {
  expect(report.audit.orders).toBeGreaterThan(100);
  expect(report.brokerKills).toBeGreaterThan(0);
  expect(report.rebalances).toBeGreaterThan(0);
  expect(report.lostAnswers).toBeGreaterThan(0);
  expect(report.repeated).toBeGreaterThan(0);
  expect(report.audit.poison.length).toBeGreaterThan(0);
});

it('no order is lost, doubled or out of order, in either service', () => {
  expect(report.audit.stock, `seed ${seed}`).toEqual(NOTHING);
  expect(report.audit.money, `seed ${seed}`).toEqual(NOTHING);
});

it('stock and money are conserved', () => {
  const { stockOff, moneyOff, paidOff } = report.audit;
  expect({ stockOff, moneyOff, paidOff }).toEqual({ stockOff: 0, moneyOff: 0, paidOff: 0 });
});

it('dead letters are the poison, all of it and nothing else', () => {
  const { poison } = report.audit;
  const named = report.deadLetters.map((value) =>
    report.unreadable.includes(value) ? value : (JSON.parse(value) as { id: string }).id,
  );
  expect(named.sort()).toEqual([...poison, ...report.unreadable].sort());
  expect(report.givenUp).toBe(poison.length + report.unreadable.length);
});

it('K1: beside a poison message other keys keep their throughput', () => {
  expect(keptThroughput(report.pairs), JSON.stringify(report.pairs)).toBeGreaterThan(
    KEPT_THROUGHPUT,
  );
});

it('memory does not grow', () => {
  const { heap } = report;
  expect(growth(heap), JSON.stringify(heap)).toBeLessThan(median(heap) * HEAP_GROWTH);
});

it('nothing is left running, and nothing was warned of', () => {
  expect(report.timersLeft).toBe(0);
  const { connections } = report;
  expect(connections).toBe(0);
  expect(warnings).toEqual([]);
});
