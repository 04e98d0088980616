import { InstanceError } from '../console.errors.js';

/** Where an instance is. */
export interface Target {
  readonly instanceId: string;
  readonly host: string;
  readonly port: number;
  readonly secure: boolean;
}

/** How {@link InstanceClient} asks. */
export interface InstanceClientOptions {
  readonly timeoutMs: number;
  /** A token of scope `ops:read`; throws when there is none. */
  readonly token: () => Promise<string>;
}

/** What comes from an instance is data of a stranger: more than this is not read. */
const MAX_BODY = 4 * 1024 * 1024;

/** Asks the management endpoints of instances. */
export class InstanceClient {
  constructor(private readonly options: InstanceClientOptions) {}

  /**
   * The JSON at a path. Answers of the statuses in `accept` count, others are failures.
   *
   * @param authorize whether to show the console's token
   * @throws InstanceError
   */
  async get(
    target: Target,
    path: string,
    { authorize = false, accept = [200], signal }: GetOptions = {},
  ): Promise<unknown> {
    const url = `${origin(target)}${path}`;
    const place = `${target.instanceId}${path.split('?', 1)[0]}`;
    const deadline = AbortSignal.timeout(this.options.timeoutMs);
    try {
      const response = await fetch(url, {
        headers: {
          accept: 'application/json',
          ...(authorize ? { authorization: `Bearer ${await this.options.token()}` } : {}),
        },
        redirect: 'error',
        signal: signal === undefined ? deadline : AbortSignal.any([deadline, signal]),
      });
      const body = await read(response);
      if (accept.includes(response.status)) return JSON.parse(body) as unknown;
      throw new InstanceError(`${place} answered ${response.status}`, response.status);
    } catch (error) {
      if (error instanceof InstanceError) throw error;
      throw new InstanceError(
        `${place}: ${reasonOf(error, this.options.timeoutMs)}`,
        undefined,
        error,
      );
    }
  }
}

/** Options of {@link InstanceClient.get}. */
export interface GetOptions {
  readonly authorize?: boolean;
  readonly accept?: readonly number[];
  readonly signal?: AbortSignal | undefined;
}

function origin({ host, port, secure }: Target): string {
  const name = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
  return `${secure ? 'https' : 'http'}://${name}:${port}`;
}

async function read(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    if (size > MAX_BODY) throw new Error(`answer over ${MAX_BODY} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function reasonOf(error: unknown, timeoutMs: number): string {
  if (!(error instanceof Error)) return 'failed';
  if (error.name === 'TimeoutError') return `no answer within ${timeoutMs} ms`;
  const { code } = (error.cause ?? error) as { code?: unknown };
  return code === 'ECONNREFUSED' ? 'connection refused' : error.message;
}
