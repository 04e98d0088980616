import pc from 'picocolors';

/** A failed message as a service lists it, as far as it is shown. */
export interface ListedMessage {
  readonly id: string;
  readonly status: string;
  readonly consumer: string;
  readonly type?: string;
  readonly key?: string;
  readonly reason: string;
  readonly error?: string;
  readonly attempts: number;
  readonly failedAt: number;
  readonly edited: boolean;
}

/** A replay of many messages as a service tells it. */
export interface ListedReplay {
  readonly id: string;
  readonly status: string;
  readonly matching: number;
  readonly replayed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly actor: string;
  readonly reason: string;
}

const PAINT: Readonly<Record<string, (text: string) => string>> = {
  parked: pc.yellow,
  dead: pc.red,
  replayed: pc.green,
  discarded: pc.dim,
};

/** One message on two lines: what and where, and why. */
export function messageLines(app: string, message: ListedMessage): string {
  const { id, status, consumer, type, key, reason, error, attempts, failedAt, edited } = message;
  const paint = PAINT[status] ?? ((text: string) => text);
  const tries = attempts === 0 ? '' : `, ${attempts} tries`;
  const what = [type ?? 'unknown type', ...(key === undefined ? [] : [`key ${plain(key)}`])].join(
    ' ',
  );
  return (
    `${pc.bold(`${app}/${id}`)}  ${paint(status)}  ${plain(what)}  in ${consumer}${edited ? ', edited' : ''}\n` +
    pc.dim(`  ${new Date(failedAt).toISOString()}  ${reason}${tries}`) +
    (error === undefined ? '' : `  ${plain(error)}`)
  );
}

/** One replay on a line. */
export function replayLine(app: string, replay: ListedReplay): string {
  const { id, status, matching, replayed, failed, skipped, actor, reason } = replay;
  return (
    `${pc.bold(`${app}/${id}`)}  ${status}  ${replayed} of ${matching} replayed, ${failed} failed, ` +
    `${skipped} skipped  ${pc.dim(`${actor}: ${plain(reason)}`)}`
  );
}

/** What others wrote must not move the cursor. */
function plain(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, '?');
}
