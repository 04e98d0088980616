import type { TransactionHost } from '@rookery/persistence';

/** Who does something to a failed message, and why. */
export interface By {
  readonly actor: string;
  readonly reason: string;
}

/** Something that was done to a failed message. `at` is milliseconds since the epoch. */
export interface MessageAction extends By {
  readonly action: 'replay' | 'edit' | 'discard' | 'retry';
  readonly outcome: string | undefined;
  readonly at: number;
}

/** The record of who did what to failed messages. It goes with them. */
export class MessageActions {
  constructor(private readonly host: TransactionHost) {}

  /** Notes an action, within the current transaction if there is one. */
  async note(
    failedId: string,
    { action, actor, reason, outcome }: Omit<MessageAction, 'at'>,
    jobId?: string,
  ): Promise<void> {
    await this.host.query(
      `insert into rookery_message_actions (failed_id, job_id, action, actor, reason, outcome)
       values ($1, $2, $3, $4, $5, $6)`,
      [failedId, jobId ?? null, action, actor, reason, outcome ?? null],
    );
  }

  /** What was done to a message, oldest first, at most 100. */
  async of(failedId: string): Promise<MessageAction[]> {
    const { rows } = await this.host.query<{
      action: MessageAction['action'];
      actor: string;
      reason: string;
      outcome: string | null;
      at: Date;
    }>(
      `select action, actor, reason, outcome, at from rookery_message_actions
        where failed_id = $1 order by id limit 100`,
      [failedId],
    );
    return rows.map((row) => ({ ...row, outcome: row.outcome ?? undefined, at: row.at.getTime() }));
  }
}
