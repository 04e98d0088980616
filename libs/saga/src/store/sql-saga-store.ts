import type { TransactionHost } from '@rookery/persistence';
import type { SagaInstance, SagaStatus } from '../engine/saga-instance.js';
import { SagaStore, type KnownSaga, type SagaFilter } from '../engine/saga-ports.js';
import { SagaConflictError } from '../saga.errors.js';

interface Row {
  id: string;
  saga: string;
  version: number;
  key: string;
  status: SagaStatus;
  state: SagaInstance['state'];
  steps: SagaInstance['steps'];
  history: SagaInstance['history'];
  why: NonNullable<SagaInstance['why']> | null;
  correlation_id: string;
  carrier: Record<string, string>;
  started_at: Date;
  updated_at: Date;
  ended_at: Date | null;
  deadline_at: Date | null;
  due_at: Date | null;
  revision: number;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const FORGET_BATCH = 1_000;

/** Sagas in the table of `sagaMigrations`, one row each. */
export class SqlSagaStore extends SagaStore {
  constructor(private readonly host: TransactionHost) {
    super();
  }

  transaction<T>(fn: () => Promise<T>): Promise<T> {
    return this.host.run(fn);
  }

  savepoint<T>(fn: () => Promise<T>): Promise<T> {
    return this.host.run(fn, { propagation: 'nested' });
  }

  afterCommit(fn: () => void): void {
    this.host.afterCommit(fn);
  }

  async insert(instance: SagaInstance): Promise<boolean> {
    const values = Object.values(rowOf(instance));
    const { rowCount } = await this.host.query(
      `insert into rookery_sagas (${Object.keys(rowOf(instance)).join(', ')})
       values (${values.map((_, index) => `$${index + 1}`).join(', ')})
       on conflict (id) do nothing`,
      values,
    );
    return rowCount === 1;
  }

  async lock(id: string): Promise<SagaInstance | undefined> {
    if (!UUID.test(id)) return undefined;
    return this.#one('select * from rookery_sagas where id = $1 for update', [id]);
  }

  async lockDue(now: number, known: readonly KnownSaga[]): Promise<SagaInstance | undefined> {
    return this.#one(
      `select * from rookery_sagas as saga
        where due_at <= $1 and ${IS_KNOWN}
        order by due_at limit 1 for update skip locked`,
      [new Date(now), ...listsOf(known)],
    );
  }

  async nextDue(known: readonly KnownSaga[]): Promise<number | undefined> {
    const { rows } = await this.host.query<{ due_at: Date }>(
      `select due_at from rookery_sagas as saga
        where due_at > $1 and ${IS_KNOWN} order by due_at limit 1`,
      [new Date(0), ...listsOf(known)],
    );
    return rows[0]?.due_at.getTime();
  }

  async save(instance: SagaInstance): Promise<void> {
    const { id, revision } = instance;
    instance.revision = revision + 1;
    const { saga: _saga, key: _key, id: _id, ...changed } = rowOf(instance);
    const columns = Object.keys(changed);
    const { rowCount } = await this.host.query(
      `update rookery_sagas
          set ${columns.map((column, index) => `${column} = $${index + 3}`).join(', ')}
        where id = $1 and revision = $2`,
      [id, revision, ...Object.values(changed)],
    );
    if (rowCount !== 1) throw new SagaConflictError(id);
  }

  async find(id: string): Promise<SagaInstance | undefined> {
    if (!UUID.test(id)) return undefined;
    return this.#one('select * from rookery_sagas where id = $1', [id]);
  }

  async list({ saga, status, limit }: SagaFilter): Promise<SagaInstance[]> {
    const { rows } = await this.host.query<Row>(
      `select * from rookery_sagas
        where ($1::text is null or saga = $1) and ($2::text is null or status = $2)
        order by started_at desc, id limit $3`,
      [saga ?? null, status ?? null, limit],
    );
    return rows.map(instanceOf);
  }

  async counts(): Promise<{ saga: string; status: SagaStatus; count: number }[]> {
    const { rows } = await this.host.query<{ saga: string; status: SagaStatus; count: number }>(
      `select saga, status, count(*)::integer as count from rookery_sagas group by saga, status`,
    );
    return rows;
  }

  /** Deletes sagas that ended longer ago; returns how many. */
  async forget(endedBefore: number): Promise<number> {
    const { rowCount } = await this.host.query(
      `delete from rookery_sagas where id in (
         select id from rookery_sagas where ended_at < $1 and due_at is null
          limit ${FORGET_BATCH} for update skip locked)`,
      [new Date(endedBefore)],
    );
    return rowCount;
  }

  async #one(sql: string, params: readonly unknown[]): Promise<SagaInstance | undefined> {
    const { rows } = await this.host.query<Row>(sql, params);
    return rows[0] === undefined ? undefined : instanceOf(rows[0]);
  }
}

/** A release leaves alone what a newer one wrote. */
const IS_KNOWN = `exists (
  select 1 from unnest($2::text[], $3::integer[]) as known (name, newest)
   where known.name = saga.saga and saga.version <= known.newest)`;

function listsOf(known: readonly KnownSaga[]): [string[], number[]] {
  return [known.map(({ saga }) => saga), known.map(({ version }) => version)];
}

function rowOf(instance: SagaInstance): Record<keyof Row, unknown> {
  const at = (time: number | undefined): Date | null =>
    time === undefined ? null : new Date(time);
  return {
    id: instance.id,
    saga: instance.saga,
    version: instance.version,
    key: instance.key,
    status: instance.status,
    state: JSON.stringify(instance.state),
    steps: JSON.stringify(instance.steps),
    history: JSON.stringify(instance.history),
    why: instance.why === undefined ? null : JSON.stringify(instance.why),
    correlation_id: instance.correlationId,
    carrier: JSON.stringify(instance.carrier),
    started_at: at(instance.startedAt),
    updated_at: at(instance.updatedAt),
    ended_at: at(instance.endedAt),
    deadline_at: at(instance.deadlineAt),
    due_at: at(instance.dueAt),
    revision: instance.revision,
  };
}

function instanceOf(row: Row): SagaInstance {
  return {
    id: row.id,
    saga: row.saga,
    version: row.version,
    key: row.key,
    status: row.status,
    state: row.state,
    steps: row.steps,
    history: row.history,
    ...(row.why === null ? {} : { why: row.why }),
    correlationId: row.correlation_id,
    carrier: row.carrier,
    startedAt: row.started_at.getTime(),
    updatedAt: row.updated_at.getTime(),
    ...(row.ended_at === null ? {} : { endedAt: row.ended_at.getTime() }),
    ...(row.deadline_at === null ? {} : { deadlineAt: row.deadline_at.getTime() }),
    ...(row.due_at === null ? {} : { dueAt: row.due_at.getTime() }),
    revision: row.revision,
  };
}
