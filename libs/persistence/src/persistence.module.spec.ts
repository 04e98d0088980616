import { Injectable } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { ConfigModule, ConfigStore } from '@rookery/config';
import { HealthRegistry, InvalidOptionError, Lifecycle } from '@rookery/core';
import { Metrics, ObservabilityModule, createLogger } from '@rookery/observability';
import { useDatabase } from '@rookery/testing/database';
import { createServer, type AddressInfo } from 'node:net';
import { Writable } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { Database } from './database/database.js';
import { defineMigrations } from './migrations/migration-set.js';
import { DatabaseUnreachableError } from './persistence.errors.js';
import { PersistenceModule } from './persistence.module.js';
import { TransactionHost } from './unit-of-work/transaction-host.js';
import { Transactional } from './unit-of-work/transactional.decorator.js';
import { UnitOfWork } from './unit-of-work/unit-of-work.js';

const db = useDatabase();
const stops: (() => Promise<void>)[] = [];
let lines: string[] = [];

afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
  lines = [];
});

const migrations = defineMigrations('notes', {
  '001-notes': {
    up: async (kysely) => {
      await kysely.schema.createTable('notes').addColumn('id', 'text').execute();
    },
  },
});

@Injectable()
class Notes {
  constructor(readonly database: Database<{ notes: { id: string } }>) {}

  @Transactional()
  async add(id: string, fails = false): Promise<void> {
    await this.database.current.insertInto('notes').values({ id }).execute();
    if (fails) throw new Error('on purpose');
  }
}

async function start(environment: Record<string, string>) {
  const store = ConfigStore.of('orders', {}, environment);
  const destination = new Writable({
    write: (chunk: Buffer, _encoding, done) => (lines.push(chunk.toString()), done()),
  });
  const logger = createLogger({
    app: 'orders',
    instance: 'orders-1',
    level: 'info',
    format: 'json',
    destination,
  });
  const module = await Test.createTestingModule({
    imports: [
      ConfigModule.forStore(store),
      ObservabilityModule.forRoot({ logger }),
      PersistenceModule.forRoot({ migrations: [migrations] }),
    ],
    providers: [Notes],
  }).compile();
  await module.init();
  const lifecycle = module.get(Lifecycle);
  stops.push(async () => {
    await lifecycle.stop();
    await module.close();
  });
  return module;
}

const healthOf = (registry: HealthRegistry) =>
  registry
    .contributors('ready')
    .find(({ name }) => name === 'database')!
    .check(new AbortController().signal);

describe('PersistenceModule', () => {
  it('leaves migrating to a job when told so, and is not ready until it ran', async () => {
    const module = await start({
      DATABASE_URL: db.url,
      ROOKERY_PROFILE: 'production',
    });
    expect(await healthOf(module.get(HealthRegistry))).toMatchObject({
      status: 'down',
      details: { pending: ['notes/001-notes'] },
    });
  });

  it('gives a migrated database, transactions, health and metrics', async () => {
    const module = await start({ DATABASE_URL: db.url, DATABASE_POOL_SIZE: '3' });
    const notes = module.get(Notes);
    await notes.add('kept');
    await expect(notes.add('lost', true)).rejects.toThrow('on purpose');
    const { rows } = await module.get(TransactionHost).query('select id from notes');
    expect(rows).toEqual([{ id: 'kept' }]);
    expect(module.get(TransactionHost)).toBe(module.get(UnitOfWork));
    expect(await healthOf(module.get(HealthRegistry))).toMatchObject({ status: 'up' });
    const exposed = await module.get(Metrics).expose();
    expect(exposed).toMatch(/rookery_db_connections\{.*state="idle".*\} 1/);
    expect(exposed).toMatch(/rookery_db_connections_max\{.*\} 3/);
    expect(lines.join('')).toContain('migrated notes/001-notes');
  });

  it('closes the pool in the last phase of the lifecycle, and only once', async () => {
    const module = await start({ DATABASE_URL: db.url });
    const { pool } = module.get(Database);
    await module.get(Lifecycle).stop();
    expect(pool.ended).toBe(true);
    await module.close();
  });

  it('waits for a database that is down, says so each time, and gives up in one line', async () => {
    const unused = createServer();
    await new Promise<void>((resolve) => unused.listen(0, '127.0.0.1', resolve));
    const { port } = unused.address() as AddressInfo;
    await new Promise((resolve) => unused.close(resolve));
    const starting = start({
      DATABASE_URL: `postgres://orders:hidden@127.0.0.1:${port}/orders`,
      DATABASE_CONNECT_TIMEOUT: '600ms',
    });
    await expect(starting).rejects.toThrow(DatabaseUnreachableError);
    await expect(starting).rejects.toThrow(
      `database 127.0.0.1:${port}/orders did not answer within 600 ms ` +
        `(connect ECONNREFUSED 127.0.0.1:${port}): start PostgreSQL there, or correct database.url`,
    );
    const warnings = lines.filter((line) => line.includes('next attempt in'));
    expect(warnings).toHaveLength(1);
    expect(lines.join('')).not.toContain('hidden');
  });

  it('fails at once when waiting cannot help', async () => {
    const missing = new URL(db.url);
    missing.pathname = '/nowhere';
    await expect(start({ DATABASE_URL: missing.href })).rejects.toThrow(/create the database/);
    const wrong = new URL(db.url);
    wrong.password = 'wrong';
    await expect(start({ DATABASE_URL: wrong.href })).rejects.toThrow(/correct user and password/);
  });

  it('refuses a wrong configuration without showing the password', async () => {
    await expect(start({})).rejects.toThrow(InvalidOptionError);
    await expect(start({})).rejects.toThrow(/expected postgres:\/\/user/);
    const wrong = start({ DATABASE_URL: 'mysql://orders:hidden@localhost/orders' });
    await expect(wrong).rejects.toThrow(/url: is not allowed/);
    await expect(wrong).rejects.not.toThrow(/hidden/);
    await expect(start({ DATABASE_URL: db.url, DATABASE_POOL_SIZE: '0' })).rejects.toThrow(
      /poolSize/,
    );
  });
});
