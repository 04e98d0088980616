import { setTimeout as pause } from 'node:timers/promises';
import { CommandError } from '../cli.errors.js';
import { ManagementClient, type ManagementTarget } from '../messages/management-client.js';
import {
  messageLines,
  replayLine,
  type ListedMessage,
  type ListedReplay,
} from '../messages/message-lines.js';

/** Options of `rookery messages ...`, as they are given. */
export interface RawMessageOptions extends ManagementTarget {
  readonly consumer?: string;
  readonly status?: string;
  readonly type?: string;
  readonly topic?: string;
  readonly key?: string;
  readonly cause?: string;
  readonly code?: string;
  readonly olderThan?: string;
  readonly newerThan?: string;
  readonly limit?: string;
  readonly before?: string;
  readonly reason?: string;
  readonly payload?: string;
  readonly patch?: string;
  readonly header?: readonly string[];
  readonly wholeKey?: boolean;
  readonly rate?: string;
  readonly wait?: boolean;
  readonly json?: boolean;
}

type Say = (text: string) => void;

interface Page {
  readonly messages: readonly ListedMessage[];
  readonly next?: string;
}

const POLL_MS = 500;

/** Lists failed messages of one app, or of all: `rookery messages list`. */
export async function listMessages(options: RawMessageOptions, say: Say): Promise<void> {
  const client = await ManagementClient.open(options);
  const query = new URLSearchParams(
    Object.entries({ ...filterOf(options), limit: options.limit, before: options.before }).filter(
      (entry): entry is [string, string] => entry[1] !== undefined,
    ),
  );
  const found: Record<string, Page> = {};
  for (const app of appsOf(client, options)) {
    const page = await client.call<Page>(app, 'GET', `?${query.toString()}`);
    if (page !== undefined) found[app] = page;
  }
  if (options.json === true) return say(JSON.stringify(found));
  const lines = Object.entries(found).flatMap(([app, { messages, next }]) => [
    ...messages.map((message) => messageLines(app, message)),
    ...(next === undefined ? [] : [`more of ${app}: --app ${app} --before ${next}`]),
  ]);
  say(lines.length === 0 ? 'no message has failed that is like this' : lines.join('\n'));
}

/** Shows one: `rookery messages show orders/42`. */
export async function showMessage(of: string, options: RawMessageOptions, say: Say): Promise<void> {
  const { client, app, id } = await target(of, options);
  say(JSON.stringify(await need(client.call(app, 'GET', `/${id}`), app), undefined, 2));
}

/** Edits one: `rookery messages edit orders/42 --patch '{"total":3}' --reason ...`. */
export async function editMessage(of: string, options: RawMessageOptions, say: Say): Promise<void> {
  const { client, app, id } = await target(of, options);
  const { revision } = await need(client.call<{ revision: number }>(app, 'GET', `/${id}`), app);
  const headers = Object.fromEntries((options.header ?? []).map(headerOf));
  const body = {
    revision,
    reason: reasonOf(options),
    ...(options.payload === undefined ? {} : { payload: json('--payload', options.payload) }),
    ...(options.patch === undefined ? {} : { patch: json('--patch', options.patch) }),
    ...(options.header === undefined ? {} : { headers }),
  };
  await need(client.call(app, 'PATCH', `/${id}`, body), app);
  say(`${of} was edited; replay it with \`rookery messages replay ${of} --reason ...\``);
}

/**
 * Replays one, a whole key, or all that is like this: `rookery messages replay [orders/42]`.
 *
 * @returns whether all of it succeeded
 */
export async function replayMessages(
  of: string | undefined,
  options: RawMessageOptions,
  say: Say,
): Promise<boolean> {
  const reason = reasonOf(options);
  if (of === undefined) return replayAll(options, reason, say);
  const { client, app, id } = await target(of, options);
  if (options.wholeKey === true) {
    const done = await need(
      client.call<{ replayed: number; more: boolean; stopped?: { id: string; error: string } }>(
        app,
        'POST',
        `/${id}/replay-key`,
        { reason },
      ),
      app,
    );
    const { replayed, stopped, more } = done;
    const rest = stopped === undefined ? '' : `; ${app}/${stopped.id} failed: ${stopped.error}`;
    say(`${replayed} replayed${rest}${more && stopped === undefined ? '; there is more' : ''}`);
    return stopped === undefined;
  }
  const { outcome, error } = await need(
    client.call<{ outcome: string; error?: string }>(app, 'POST', `/${id}/replay`, { reason }),
    app,
  );
  say(`${of}: ${outcome}${error === undefined ? '' : ` (${error})`}`);
  return outcome !== 'failed';
}

/** Gives one up for good: `rookery messages discard orders/42 --reason ...`. */
export async function discardMessage(
  of: string,
  options: RawMessageOptions,
  say: Say,
): Promise<void> {
  const { client, app, id } = await target(of, options);
  const reason = reasonOf(options);
  const { revision } = await need(client.call<{ revision: number }>(app, 'GET', `/${id}`), app);
  await need(client.call(app, 'POST', `/${id}/discard`, { revision, reason }), app);
  say(`${of} was discarded; what waits behind it comes next when the key is replayed`);
}

/** Lists replays of many messages: `rookery messages replays`. */
export async function listReplays(options: RawMessageOptions, say: Say): Promise<void> {
  const client = await ManagementClient.open(options);
  const lines: string[] = [];
  for (const app of appsOf(client, options)) {
    const page = await client.call<{ replays: ListedReplay[] }>(app, 'GET', '/replays');
    for (const replay of page?.replays ?? []) lines.push(replayLine(app, replay));
  }
  say(lines.length === 0 ? 'nothing was replayed by filter' : lines.join('\n'));
}

/** Ends a replay: `rookery messages cancel orders/<id>`. */
export async function cancelReplay(
  of: string,
  options: RawMessageOptions,
  say: Say,
): Promise<void> {
  const { client, app, id } = await target(of, options);
  const replay = client.call<ListedReplay>(app, 'POST', `/replays/${id}/cancel`, {});
  say(replayLine(app, await need(replay, app)));
}

async function replayAll(options: RawMessageOptions, reason: string, say: Say): Promise<boolean> {
  const { app } = options;
  if (app === undefined) {
    throw new CommandError(
      'replay of what',
      'name a message as in orders/42, or --app and a filter',
    );
  }
  const client = await ManagementClient.open(options);
  const perSecond = options.rate === undefined ? undefined : Number(options.rate);
  let replay = await need(
    client.call<ListedReplay>(app, 'POST', '/replays', {
      reason,
      filter: filterOf(options),
      ...(perSecond === undefined ? {} : { perSecond }),
    }),
    app,
  );
  while (options.wait === true && replay.status === 'running') {
    await pause(POLL_MS);
    replay = await need(client.call<ListedReplay>(app, 'GET', `/replays/${replay.id}`), app);
  }
  say(replayLine(app, replay));
  return replay.failed === 0;
}

function filterOf(options: RawMessageOptions): Record<string, string> {
  const { consumer, status, type, topic, key, cause, code, olderThan, newerThan } = options;
  const given = { consumer, status, type, topic, key, reason: cause, code, olderThan, newerThan };
  return Object.fromEntries(
    Object.entries(given).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

function appsOf({ addresses }: ManagementClient, { app }: RawMessageOptions): readonly string[] {
  return app === undefined ? Object.keys(addresses) : [app];
}

async function target(
  of: string,
  options: RawMessageOptions,
): Promise<{ client: ManagementClient; app: string; id: string }> {
  const [, app = options.app, id] = /^(?:([\w.-]+)\/)?([\w-]+)$/.exec(of) ?? [];
  if (app === undefined || id === undefined) {
    throw new CommandError(`${of} names no message`, 'write app and id, as in orders/42');
  }
  return { client: await ManagementClient.open({ ...options, app }), app, id };
}

async function need<T>(answer: Promise<T | undefined>, app: string): Promise<T> {
  const found = await answer;
  if (found !== undefined) return found;
  throw new CommandError(`${app} keeps no failed messages`, 'it has no MessagingModule');
}

function reasonOf({ reason }: RawMessageOptions): string {
  if (reason !== undefined && reason.trim() !== '') return reason;
  throw new CommandError('a reason is missing', "say why with --reason 'stock was corrected'");
}

function headerOf(text: string): [string, string | null] {
  const at = text.indexOf('=');
  return at < 0 ? [text, null] : [text.slice(0, at), text.slice(at + 1)];
}

function json(option: string, text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new CommandError(`${option} is no JSON`, `quote it as in ${option} '{"total":3}'`);
  }
}
