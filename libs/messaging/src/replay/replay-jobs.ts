import { randomUUID } from 'node:crypto';
import type { TransactionHost } from '@rookery/persistence';
import type { FailureFilter } from '../parking/failure-rows.js';
import type { By } from '../operations/message-actions.js';

/** A replay of many messages, and how far it is. Times are milliseconds since the epoch. */
export interface ReplayJob extends By {
  readonly id: string;
  readonly status: 'running' | 'done' | 'cancelled';
  readonly filter: FailureFilter;
  readonly perSecond: number;
  /** Messages that the filter found when it began. */
  readonly matching: number;
  readonly replayed: number;
  readonly failed: number;
  /** Messages that wait behind another of their key, or are in use. */
  readonly skipped: number;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly endedAt?: number;
}

/** A job that this instance works on. */
export interface LeasedJob extends ReplayJob {
  /** The last message that is done. */
  readonly position: string;
  /** Messages that failed later than it began are not its. */
  readonly upTo: string;
}

/** What became of one message of a job. */
export type Step = 'replayed' | 'failed' | 'skipped';

interface Raw {
  readonly id: string;
  readonly status: ReplayJob['status'];
  readonly filter: FailureFilter;
  readonly per_second: number;
  readonly up_to: string | number;
  readonly position: string | number;
  readonly matching: number;
  readonly replayed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly actor: string;
  readonly reason: string;
  readonly created_at: Date;
  readonly updated_at: Date;
  readonly ended_at: Date | null;
}

/**
 * Replays of many messages, with their progress. One instance works on a job at a time, by a lease
 * that it renews with each message; when it is gone, another goes on where it was.
 */
export class ReplayJobs {
  constructor(
    private readonly host: TransactionHost,
    private readonly service: string,
  ) {}

  async create(
    filter: FailureFilter,
    perSecond: number,
    extent: { readonly matching: number; readonly last: string },
    { actor, reason }: By,
  ): Promise<ReplayJob> {
    const { rows } = await this.host.query<Raw>(
      `insert into rookery_replay_jobs
         (id, service, status, filter, per_second, up_to, matching, actor, reason)
       values ($1, $2, 'running', $3, $4, $5, $6, $7, $8) returning *`,
      [
        randomUUID(),
        this.service,
        JSON.stringify(filter),
        perSecond,
        extent.last,
        extent.matching,
        actor,
        reason,
      ],
    );
    return toJob(rows[0] as Raw);
  }

  async find(id: string): Promise<ReplayJob | undefined> {
    const { rows } = await this.host.query<Raw>(
      'select * from rookery_replay_jobs where id = $1 and service = $2',
      [id, this.service],
    );
    return rows[0] && toJob(rows[0]);
  }

  /** The newest first. */
  async list(limit: number): Promise<ReplayJob[]> {
    const { rows } = await this.host.query<Raw>(
      `select * from rookery_replay_jobs where service = $1 order by created_at desc limit $2`,
      [this.service, limit],
    );
    return rows.map(toJob);
  }

  /** Takes the oldest job that nobody works on. */
  async lease(leaseMs: number): Promise<LeasedJob | undefined> {
    const { rows } = await this.host.query<Raw>(
      `update rookery_replay_jobs
          set lease_until = clock_timestamp() + $2::float8 * interval '1 millisecond'
        where id = (
          select id from rookery_replay_jobs
           where service = $1 and status = 'running'
             and (lease_until is null or lease_until < clock_timestamp())
           order by created_at limit 1 for update skip locked)
        returning *`,
      [this.service, leaseMs],
    );
    const [raw] = rows;
    if (raw === undefined) return undefined;
    return { ...toJob(raw), position: String(raw.position), upTo: String(raw.up_to) };
  }

  /** Keeps what became of a message; false when the job was cancelled or taken over. */
  async advance(
    { id, position }: Pick<LeasedJob, 'id' | 'position'>,
    to: string,
    step: Step,
    leaseMs: number,
  ): Promise<boolean> {
    const { rowCount } = await this.host.query(
      `update rookery_replay_jobs
          set position = $3, ${step} = ${step} + 1, updated_at = clock_timestamp(),
              lease_until = clock_timestamp() + $4::float8 * interval '1 millisecond'
        where id = $1 and position = $2 and status = 'running'`,
      [id, position, to, leaseMs],
    );
    return rowCount === 1;
  }

  /** Gives a job back, done or to be gone on with by another. */
  async release(id: string, done: boolean): Promise<void> {
    await this.host.query(
      `update rookery_replay_jobs
          set lease_until = null, updated_at = clock_timestamp(),
              status = case when $2::boolean then 'done' else status end,
              ended_at = case when $2::boolean then clock_timestamp() else ended_at end
        where id = $1 and status = 'running'`,
      [id, done],
    );
  }

  /** False when it had ended. */
  async cancel(id: string): Promise<boolean> {
    const { rowCount } = await this.host.query(
      `update rookery_replay_jobs
          set status = 'cancelled', ended_at = clock_timestamp(), updated_at = clock_timestamp()
        where id = $1 and service = $2 and status = 'running'`,
      [id, this.service],
    );
    return rowCount === 1;
  }

  /** Forgets jobs that ended more than `ageMs` ago; returns how many. */
  async forgetOlderThan(ageMs: number): Promise<number> {
    const { rowCount } = await this.host.query(
      `delete from rookery_replay_jobs
        where ended_at < clock_timestamp() - $1 * interval '1 millisecond'`,
      [ageMs],
    );
    return rowCount;
  }
}

function toJob(raw: Raw): ReplayJob {
  return {
    id: raw.id,
    status: raw.status,
    filter: raw.filter,
    perSecond: raw.per_second,
    matching: raw.matching,
    replayed: raw.replayed,
    failed: raw.failed,
    skipped: raw.skipped,
    actor: raw.actor,
    reason: raw.reason,
    createdAt: raw.created_at.getTime(),
    updatedAt: raw.updated_at.getTime(),
    ...(raw.ended_at === null ? {} : { endedAt: raw.ended_at.getTime() }),
  };
}
