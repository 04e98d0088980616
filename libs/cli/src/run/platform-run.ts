import type { Row } from '../output/table.js';
import type { ManagedProcess, ProcessObserver } from '../process/managed-process.js';
import { ProcessGroup } from '../process/process-group.js';
import { KAFKA, type PreparedRun, type RunContext } from './prepared-run.js';
import type { RunOptions } from './run-options.js';
import { HOST, runProcesses } from './run-processes.js';
import { clearRunState, writeRunState, type RunState } from './run-state.js';
import { reportSlowStart } from './slow-start.js';

/** Of the five seconds that a Ctrl-C may take, what the processes get; the rest is the database's. */
const STOP_BUDGET_MS = 4_200;

/** The processes of a platform, from the start to the end. */
export class PlatformRun {
  readonly group: ProcessGroup;
  readonly #startedAt = new Date().toISOString();
  #readyAfterMs: number | undefined;
  #ended = false;
  #endReport = (): void => undefined;

  constructor(
    private readonly context: RunContext,
    private readonly options: RunOptions,
    private readonly prepared: PreparedRun,
    private readonly begun: number,
    onMessage?: ProcessObserver['onMessage'],
  ) {
    const { output, clock, paths } = context;
    const observer: ProcessObserver = {
      onLine: (name, line) => output.line(name, line),
      onState: (process) => this.#onState(process),
      onCrash: (process, exit, lines, wait) => {
        output.event(
          'error',
          `${process.name} ended by itself (${exit}), starting it again in ${wait} ms${lines.length > 0 ? '; its last lines:' : ''}`,
          { app: process.name, exit, restartInMs: wait, lastLines: lines },
        );
        output.quote(lines);
      },
      ...(onMessage !== undefined && { onMessage }),
    };
    const members = runProcesses({ prepared, options, paths, observer, clock });
    this.group = new ProcessGroup(members, clock);
    output.onFull = () => this.group.processes.forEach((process) => process.pause());
    output.onDrained = () => this.group.processes.forEach((process) => process.resume());
  }

  /** Starts all; resolves with the time it took once everything has been ready. */
  async start(): Promise<number> {
    this.#publish();
    this.#endReport = reportSlowStart(() => this.rows(), this.context.output, this.context.clock);
    await this.group.start();
    this.#endReport();
    this.#readyAfterMs = Math.round(this.context.clock.monotonic() - this.begun);
    this.#publish();
    return this.#readyAfterMs;
  }

  /** Stops all in the reverse order, the database last. */
  async stop(): Promise<void> {
    this.#endReport();
    await this.group.stop(STOP_BUDGET_MS);
    this.prepared.ports.releaseAll();
    await this.prepared.postgres?.stop();
    this.#ended = true;
    clearRunState(this.context.paths);
  }

  /** Ends all at once; PostgreSQL too, which recovers at its next start. */
  kill(): void {
    this.group.kill();
    const { pid } = this.prepared.postgres ?? {};
    if (pid !== undefined) process.kill(pid, 'SIGQUIT');
    clearRunState(this.context.paths);
  }

  /** All processes, apps first, as a table shows them. */
  rows(): RunState['processes'] {
    const { instances, kafkaPort, postgres } = this.prepared;
    const byName = new Map(this.group.processes.map((process) => [process.name, process]));
    const row = (name: string, app: string, port: number, of: ManagedProcess | undefined) => ({
      name,
      app,
      port,
      state: of?.state ?? 'unknown',
      pid: of?.pid,
      restarts: of?.restarts ?? 0,
    });
    const host = byName.get(HOST);
    const rows: (Row & { app: string })[] = instances.map(({ app, instance, port }) =>
      row(instance, app, port, host ?? byName.get(instance)),
    );
    if (kafkaPort !== undefined) {
      rows.push(row(KAFKA, KAFKA, kafkaPort, host ?? byName.get(KAFKA)));
    }
    if (postgres !== undefined) {
      const { port, state, pid } = postgres;
      rows.push({ name: 'postgres', app: 'postgres', port, state, pid });
    }
    return rows;
  }

  #onState(process: ManagedProcess): void {
    // First: who reads that it is ready may look at the state right away.
    this.#publish();
    if (process.state === 'ready') {
      const again = process.restarts > 0 ? ' again' : '';
      this.context.output.event('info', `${process.name} is ready${again}`, { app: process.name });
    }
  }

  #publish(): void {
    if (this.#ended) return;
    writeRunState(this.context.paths, {
      pid: process.pid,
      startedAt: this.#startedAt,
      mode: this.options.mode,
      ready: this.#readyAfterMs !== undefined,
      readyAfterMs: this.#readyAfterMs,
      processes: this.rows(),
      brokers: this.prepared.brokers,
      addresses: Object.fromEntries(
        [...this.prepared.instances]
          .reverse()
          .map(({ app, port }) => [app, `http://127.0.0.1:${port}`]),
      ),
    });
  }
}
