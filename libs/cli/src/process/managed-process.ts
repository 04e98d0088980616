import { spawn, type ChildProcess } from 'node:child_process';
import { AbortedError, type Clock } from '@rookery/core';
import { LineSplitter } from './line-splitter.js';
import { untilReady, type Probe } from './readiness.js';
import { RestartBackoff } from './restart-backoff.js';

/** Where a process is in its life. */
export type ProcessState = 'waiting' | 'starting' | 'ready' | 'crashed' | 'stopping' | 'stopped';

/** How to run it, and how to know that it can be used. */
export interface ProcessSpec {
  /** Unique in a run: `orders-1`. */
  readonly name: string;
  /** Arguments of Node, the script included. */
  readonly argv: readonly string[];
  /** Its whole environment. */
  readonly environment: Readonly<Record<string, string>>;
  readonly workingDirectory: string;
  /** Whether it is ready. */
  readonly probe: Probe;
  /** Called just before it is started, each time. */
  readonly onStart?: () => void;
  /** A message it is sent once it runs. */
  readonly greeting?: Readonly<Record<string, unknown>>;
}

/** What a process reports while it lives. */
export interface ProcessObserver {
  /** A line it wrote. */
  onLine(name: string, line: string): void;
  /** It is in a new state. */
  onState(process: ManagedProcess): void;
  /** It ended without being asked to; it starts again after `restartInMs`. */
  onCrash(
    process: ManagedProcess,
    exit: string,
    lastLines: readonly string[],
    restartInMs: number,
  ): void;
  /** A message it sent. */
  onMessage?(process: ManagedProcess, message: unknown): void;
}

const KEPT_LINES = 20;
const LONGEST_TEXT = 2_000;

/**
 * A child process that is kept running: started again, after a wait, whenever it ends by itself.
 * It lives in a session of its own, so that a Ctrl-C at the terminal reaches only us and the order
 * of the end is ours.
 */
export class ManagedProcess {
  readonly #backoff = new RestartBackoff();
  readonly #lines: string[] = [];
  readonly #ended = new AbortController();
  #child: ChildProcess | undefined;
  #state: ProcessState = 'waiting';
  #readySince: number | undefined;
  #exit: Promise<void> = Promise.resolve();
  #restarting = false;
  #firstReady!: () => void;

  /** How often it was started again after a crash. */
  restarts = 0;
  /** Resolves when it is ready for the first time; never rejects. */
  readonly firstReady = new Promise<void>((resolve) => (this.#firstReady = resolve));

  constructor(
    readonly spec: ProcessSpec,
    private readonly observer: ProcessObserver,
    private readonly clock: Clock,
  ) {}

  get name(): string {
    return this.spec.name;
  }

  get state(): ProcessState {
    return this.#state;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Starts it; what follows is told to the observer. */
  start(): void {
    if (this.#ended.signal.aborted || this.#child !== undefined) return;
    this.#enter('starting');
    this.spec.onStart?.();
    const child = spawn(process.execPath, this.spec.argv, {
      cwd: this.spec.workingDirectory,
      env: this.spec.environment,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.#child = child;
    this.#exit = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        this.#child = undefined;
        resolve();
        this.#onExit(signal ?? `exit code ${code}`);
      });
    });
    child.on('error', (error) => this.#onLine(`does not start: ${error.message}`));
    this.#readLines(child);
    child.on('message', (message) => this.observer.onMessage?.(this, message));
    if (this.spec.greeting !== undefined) child.send(this.spec.greeting, () => undefined);
    void this.#awaitReady(child);
  }

  /** Ends it and starts it again at once; for new code, not for a crash. */
  async restart(graceMs: number): Promise<void> {
    this.#restarting = true;
    await this.#end(graceMs);
    this.#restarting = false;
    this.start();
  }

  /** Ends it for good: by SIGTERM, and by SIGKILL if it takes longer than `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    this.#ended.abort(new AbortedError(this.name));
    if (this.#child !== undefined) this.#enter('stopping');
    await this.#end(graceMs);
    this.#enter('stopped');
  }

  /** Ends it now. */
  kill(): void {
    this.#ended.abort(new AbortedError(this.name));
    this.#child?.kill('SIGKILL');
  }

  /** Stops reading its output until {@link resume}, because nobody takes it from us. */
  pause(): void {
    this.#child?.stdout?.pause();
    this.#child?.stderr?.pause();
  }

  resume(): void {
    this.#child?.stdout?.resume();
    this.#child?.stderr?.resume();
  }

  async #end(graceMs: number): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    child.kill('SIGTERM');
    const cancel = this.clock.after(graceMs, () => child.kill('SIGKILL'));
    await this.#exit;
    cancel();
  }

  async #awaitReady(child: ChildProcess): Promise<void> {
    const attempt = new AbortController();
    child.once('exit', () => attempt.abort());
    const signal = AbortSignal.any([attempt.signal, this.#ended.signal]);
    if (!(await untilReady(this.spec.probe, this.clock, signal))) return;
    this.#readySince = this.clock.monotonic();
    this.#enter('ready');
    this.#firstReady();
  }

  #onExit(exit: string): void {
    const uptime = this.#readySince === undefined ? 0 : this.clock.monotonic() - this.#readySince;
    this.#readySince = undefined;
    if (this.#ended.signal.aborted || this.#restarting) return;
    const wait = this.#backoff.next(uptime);
    this.restarts += 1;
    this.#enter('crashed');
    this.observer.onCrash(this, exit, [...this.#lines], wait);
    this.#lines.length = 0;
    this.clock.sleep(wait, this.#ended.signal).then(
      () => this.start(),
      () => undefined,
    );
  }

  #readLines(child: ChildProcess): void {
    for (const stream of [child.stdout, child.stderr]) {
      const splitter = new LineSplitter((line) => this.#onLine(line));
      stream?.on('data', (chunk: Buffer) => splitter.write(chunk));
      stream?.on('end', () => splitter.end());
    }
  }

  #onLine(text: string): void {
    // Node quotes the line of code that threw, which in a bundle is as long as the bundle.
    const line =
      text.length > LONGEST_TEXT && !text.startsWith('{')
        ? `${text.slice(0, LONGEST_TEXT)}...`
        : text;
    this.#lines.push(line);
    if (this.#lines.length > KEPT_LINES) this.#lines.shift();
    this.observer.onLine(this.name, line);
  }

  #enter(state: ProcessState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.observer.onState(this);
  }
}
