import { CommandError } from '../cli.errors.js';
import { fetchToken } from '../run/demo-token.js';
import type { RunState } from '../run/run-state.js';
import { findRunningIssuer } from '../run/running-platform.js';
import { openWorkspace } from '../workspace/rookery-file.js';

/** Where failed messages are managed, and who asks. */
export interface ManagementTarget {
  /** A service that does not run in this workspace. */
  readonly url?: string | undefined;
  /** Access token for it. @default the environment's `ROOKERY_TOKEN` */
  readonly token?: string | undefined;
  readonly app?: string | undefined;
}

/** What is told of an RFC 9457 problem. */
interface Problem {
  readonly code?: string;
  readonly detail?: string;
}

const TIMEOUT_MS = 60_000;

/** Calls `/manage/messages` of services: those of the run in this workspace, or one by its address. */
export class ManagementClient {
  private constructor(
    /** Base addresses by name of the app. */
    readonly addresses: Readonly<Record<string, string>>,
    private readonly token: string,
  ) {}

  /** @throws CommandError when it is not known whom to ask, or as whom */
  static async open({ url, token, app }: ManagementTarget): Promise<ManagementClient> {
    if (url === undefined) {
      const issuer = findRunningIssuer();
      return new ManagementClient(withMessages(issuer.state), await fetchToken(issuer));
    }
    const given = token ?? process.env['ROOKERY_TOKEN'];
    if (given !== undefined && URL.canParse(url)) {
      return new ManagementClient({ [app ?? 'service']: url }, given);
    }
    throw given === undefined
      ? new CommandError(
          '--url needs an access token',
          'set ROOKERY_TOKEN, scopes ops:read and ops:write',
        )
      : new CommandError(`--url ${url} is no address`, 'use one like http://127.0.0.1:8081');
  }

  /** Asks one app; `undefined` when it keeps no messages. @throws CommandError when it refuses */
  async call<T>(
    app: string,
    method: 'GET' | 'POST' | 'PATCH',
    path: string,
    body?: object,
  ): Promise<T | undefined> {
    const base = this.addresses[app];
    if (base === undefined) {
      throw new CommandError(
        `no app ${app} runs here`,
        `it is one of ${Object.keys(this.addresses).join(', ')}`,
      );
    }
    const answer = await this.#fetch(app, new URL(`/manage/messages${path}`, base), method, body);
    const text = await answer.text();
    const document = jsonOf(text);
    if (answer.ok) return document as T;
    const { code = `status ${answer.status}`, detail = answer.statusText } = (document ??
      {}) as Problem;
    if (answer.status === 404 && code !== 'RKY_MSG_NOT_FOUND') return undefined;
    throw new CommandError(`${app} refuses`, `${detail} (${code})`);
  }

  async #fetch(app: string, url: URL, method: string, body: object | undefined): Promise<Response> {
    try {
      return await fetch(url, {
        method,
        headers: {
          authorization: `Bearer ${this.token}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
    } catch (error) {
      throw new CommandError(
        `${app} at ${url.origin} does not answer (${(error as Error).message})`,
        'see `npx rookery status`',
      );
    }
  }
}

/** Apps without Kafka keep no messages, and some of them take other tokens, or none. */
function withMessages({ addresses }: RunState): Readonly<Record<string, string>> {
  const { apps } = openWorkspace().file;
  return Object.fromEntries(Object.entries(addresses).filter(([app]) => apps[app]?.kafka === true));
}

function jsonOf(text: string): object | undefined {
  try {
    return JSON.parse(text) as object;
  } catch {
    return undefined;
  }
}
