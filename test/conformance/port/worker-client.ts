import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { Refusal, type Client } from './client.js';
import { fromLine, toLine, type WorkerLine } from './json-lines.js';
import type { Need, Operation, Operations } from './operations.js';
import { encodeRecords } from './record-bytes.js';

const START_TIMEOUT_MS = 60_000;
const CALL_TIMEOUT_MS = 45_000;
const END_TIMEOUT_MS = 5_000;
const KEPT_ERRORS = 4_096;

interface Pending {
  readonly resolve: (value: never) => void;
  readonly reject: (error: Error) => void;
}

/** A client in a process of its own, spoken to in lines of JSON on its standard input and output. */
export class WorkerClient implements Client {
  name = '';
  offers: ReadonlySet<Need> = new Set();
  #errors = '';
  #ended: Error | undefined;
  #lastId = 0;
  readonly #pending = new Map<number, Pending>();

  private constructor(private readonly child: ChildProcess) {}

  /** @throws Error with what the worker wrote when it does not come up */
  static async start(
    command: string,
    args: readonly string[],
    env: NodeJS.ProcessEnv = {},
  ): Promise<WorkerClient> {
    const child = spawn(command, args, {
      env: { ...process.env, ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const client = new WorkerClient(child);
    const ready = client.#listen();
    const late = AbortSignal.timeout(START_TIMEOUT_MS);
    const onLate = (): void => client.#fail(new Error(`it did not start: ${client.#errors}`));
    late.addEventListener('abort', onLate);
    try {
      await ready;
      return client;
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    } finally {
      late.removeEventListener('abort', onLate);
    }
  }

  call<O extends Operation>(operation: O, args: Operations[O][0]): Promise<Operations[O][1]> {
    return this.request(operation, args) as Promise<Operations[O][1]>;
  }

  /** What a worker may be asked for beside the port's operations. */
  async request(operation: string, args: object): Promise<unknown> {
    if (this.#ended) throw this.#ended;
    const id = (this.#lastId += 1);
    const late = AbortSignal.timeout(CALL_TIMEOUT_MS);
    const onLate = (): void => {
      this.#pending
        .get(id)
        ?.reject(new Error(`${this.name} did not answer ${operation} in ${CALL_TIMEOUT_MS} ms`));
    };
    late.addEventListener('abort', onLate);
    try {
      return await new Promise<unknown>((resolve, reject) => {
        this.#pending.set(id, { resolve, reject });
        this.child.stdin?.write(`${toLine({ id, op: operation, args: encodeRecords(args) })}\n`);
      });
    } finally {
      late.removeEventListener('abort', onLate);
      this.#pending.delete(id);
    }
  }

  async close(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exited = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.stdin?.end();
    const late = AbortSignal.timeout(END_TIMEOUT_MS);
    late.addEventListener('abort', () => this.child.kill('SIGKILL'));
    await exited;
  }

  /** Ends it as a crash would: it leaves no group and flushes nothing. */
  kill(): void {
    this.child.kill('SIGKILL');
  }

  #listen(): Promise<void> {
    const { child } = this;
    child.stderr?.on('data', (chunk: Buffer) => {
      this.#errors = (this.#errors + chunk.toString()).slice(-KEPT_ERRORS);
    });
    // Writing to a worker that ended is told by its exit.
    child.stdin?.on('error', () => {});
    return new Promise((resolve, reject) => {
      this.#pending.set(0, { resolve, reject });
      child.once('error', (error) => this.#fail(error));
      child.once('exit', (code, signal) =>
        this.#fail(new Error(`${this.name || 'it'} ended with ${code ?? signal}: ${this.#errors}`)),
      );
      createInterface({ input: child.stdout! }).on('line', (line) => this.#onLine(line));
    });
  }

  #onLine(text: string): void {
    // Some clients write of their own accord to the standard output.
    if (!text.startsWith('{')) return;
    const line = fromLine(text) as WorkerLine;
    if ('client' in line) {
      this.name = line.client;
      this.offers = new Set(line.offers as Need[]);
      this.#pending.get(0)?.resolve(undefined as never);
      this.#pending.delete(0);
      return;
    }
    const pending = this.#pending.get(line.id);
    if ('ok' in line) pending?.resolve(line.ok as never);
    else pending?.reject(new Refusal(line.error.code, line.error.message));
  }

  #fail(error: Error): void {
    this.#ended ??= error;
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }
}
