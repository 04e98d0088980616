import type { SagaInstance, SagaStatus } from '../engine/saga-instance.js';
import { SagaStore, type KnownSaga, type SagaFilter } from '../engine/saga-ports.js';
import { SagaConflictError } from '../saga.errors.js';

interface Transaction {
  readonly written: Map<string, SagaInstance>;
  readonly hooks: (() => void)[];
}

/**
 * Sagas in memory, for specs. Transactions are real in that nothing is seen of one that throws;
 * they run one after another, so an engine must not start one inside another call's.
 */
export class MemorySagaStore extends SagaStore {
  readonly #rows = new Map<string, SagaInstance>();
  #transaction: Transaction | undefined;
  #queue: Promise<unknown> = Promise.resolve();

  transaction<T>(fn: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(() => this.#run(fn));
    this.#queue = result.catch(() => undefined);
    return result;
  }

  savepoint<T>(fn: () => Promise<T>): Promise<T> {
    return fn();
  }

  afterCommit(fn: () => void): void {
    this.#current.hooks.push(fn);
  }

  async insert(instance: SagaInstance): Promise<boolean> {
    if (this.#read(instance.id) !== undefined) return false;
    this.#current.written.set(instance.id, structuredClone(instance));
    return true;
  }

  async lock(id: string): Promise<SagaInstance | undefined> {
    return structuredClone(this.#read(id));
  }

  async lockDue(now: number, known: readonly KnownSaga[]): Promise<SagaInstance | undefined> {
    const due = this.#due(known).filter(({ dueAt = Infinity }) => dueAt <= now);
    return structuredClone(due[0]);
  }

  async nextDue(known: readonly KnownSaga[]): Promise<number | undefined> {
    return this.#due(known)[0]?.dueAt;
  }

  async save(instance: SagaInstance): Promise<void> {
    if (this.#read(instance.id)?.revision !== instance.revision) {
      throw new SagaConflictError(instance.id);
    }
    instance.revision++;
    this.#current.written.set(instance.id, structuredClone(instance));
  }

  async find(id: string): Promise<SagaInstance | undefined> {
    return structuredClone(this.#rows.get(id));
  }

  async list({ saga, status, limit }: SagaFilter): Promise<SagaInstance[]> {
    return [...this.#rows.values()]
      .filter((row) => (saga ?? row.saga) === row.saga && (status ?? row.status) === row.status)
      .sort((a, b) => b.startedAt - a.startedAt || a.id.localeCompare(b.id))
      .slice(0, limit)
      .map((row) => structuredClone(row));
  }

  async counts(): Promise<{ saga: string; status: SagaStatus; count: number }[]> {
    const counts = new Map<string, { saga: string; status: SagaStatus; count: number }>();
    for (const { saga, status } of this.#rows.values()) {
      const entry = counts.get(`${saga} ${status}`) ?? { saga, status, count: 0 };
      counts.set(`${saga} ${status}`, { ...entry, count: entry.count + 1 });
    }
    return [...counts.values()];
  }

  async #run<T>(fn: () => Promise<T>): Promise<T> {
    const transaction: Transaction = { written: new Map(), hooks: [] };
    this.#transaction = transaction;
    let result: T;
    try {
      result = await fn();
    } finally {
      this.#transaction = undefined;
    }
    for (const [id, instance] of transaction.written) this.#rows.set(id, instance);
    for (const hook of transaction.hooks) hook();
    return result;
  }

  get #current(): Transaction {
    if (this.#transaction === undefined) throw new Error('MemorySagaStore: no transaction');
    return this.#transaction;
  }

  #read(id: string): SagaInstance | undefined {
    return this.#transaction?.written.get(id) ?? this.#rows.get(id);
  }

  #due(known: readonly KnownSaga[]): SagaInstance[] {
    const versions = new Map(known.map(({ saga, version }) => [saga, version]));
    return [...this.#rows.values()]
      .filter(
        ({ saga, version, dueAt }) => dueAt !== undefined && version <= (versions.get(saga) ?? 0),
      )
      .sort((a, b) => (a.dueAt ?? 0) - (b.dueAt ?? 0));
  }
}
