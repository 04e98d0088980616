import { systemClock, type Clock } from '../clock/clock.js';
import { TimeoutError } from '../errors/timeout.error.js';

/** What begins after the HTTP server listens, in this order. */
export const START_PHASES = ['schedulers', 'consumers', 'registration'] as const;

/**
 * What ends at shutdown, in this order: say that we leave, let callers notice, finish what was
 * begun, flush what was produced, and only then close what all of it needed.
 */
export const STOP_PHASES = [
  'readiness',
  'registration',
  'drain',
  'consumers',
  'schedulers',
  'server',
  'outbox',
  'telemetry',
  'pools',
] as const;

/** One of {@link START_PHASES}. */
export type StartPhase = (typeof START_PHASES)[number];
/** One of {@link STOP_PHASES}. */
export type StopPhase = (typeof STOP_PHASES)[number];

/** Work of one phase; `signal` aborts when the time for it is over. */
export type LifecycleHook = (signal: AbortSignal) => void | Promise<void>;

/** What a lifecycle tells while it stops, for the log. */
export interface LifecycleReport {
  /** Called when a stop hook failed or did not finish in time; the sequence goes on. */
  onStopFailure?: (phase: StopPhase, name: string, error: unknown) => void;
}

interface Hook {
  readonly name: string;
  readonly run: LifecycleHook;
}

/**
 * Starts and stops the parts of a service in a fixed order of phases. Nest's own hooks close pools
 * while requests still run and stop HTTP before consumers; whatever holds work in flight registers
 * here instead.
 */
export class Lifecycle {
  readonly #start = new Map<StartPhase, Hook[]>();
  readonly #stop = new Map<StopPhase, Hook[]>();
  readonly #starting = new AbortController();
  #stopping: Promise<void> | undefined;
  #started = false;

  constructor(private readonly clock: Clock = systemClock) {}

  /** Whether {@link start} has finished. */
  get started(): boolean {
    return this.#started;
  }

  /** Whether {@link stop} was called. */
  get stopping(): boolean {
    return this.#stopping !== undefined;
  }

  /** Registers work for a start phase. Hooks of one phase run in the order they were registered. */
  onStart(phase: StartPhase, name: string, run: LifecycleHook): void {
    push(this.#start, phase, { name, run });
  }

  /** Registers work for a stop phase. Hooks of one phase run side by side. */
  onStop(phase: StopPhase, name: string, run: LifecycleHook): void {
    push(this.#stop, phase, { name, run });
  }

  /** Runs all start phases; rejects with the first failure. */
  async start(): Promise<void> {
    for (const phase of START_PHASES) {
      for (const hook of this.#start.get(phase) ?? []) {
        if (this.stopping) return;
        await hook.run(this.#starting.signal);
      }
    }
    this.#started = true;
  }

  /**
   * Runs all stop phases once; further calls wait for the same run. A hook that fails or overruns
   * is reported and left behind, so that one stuck part cannot keep the others from closing.
   *
   * @param deadlineMs time for the whole sequence, default 25,000
   */
  stop(deadlineMs = 25_000, report: LifecycleReport = {}): Promise<void> {
    this.#stopping ??= this.#runStop(deadlineMs, report);
    return this.#stopping;
  }

  async #runStop(deadlineMs: number, report: LifecycleReport): Promise<void> {
    this.#starting.abort();
    const expired = new AbortController();
    let expire: () => void = () => {};
    const expiry = new Promise<void>((resolve) => (expire = resolve));
    const cancel = this.clock.after(deadlineMs, () => {
      expired.abort(new TimeoutError('shutdown', deadlineMs));
      expire();
    });
    try {
      for (const phase of STOP_PHASES) {
        await Promise.all(
          (this.#stop.get(phase) ?? []).map(async ({ name, run }) => {
            let done = false;
            const work = (async () => run(expired.signal))().then(
              () => void (done = true),
              (error: unknown) => {
                done = true;
                report.onStopFailure?.(phase, name, error);
              },
            );
            await Promise.race([work, expiry]);
            if (!done) {
              report.onStopFailure?.(phase, name, new TimeoutError(`stop of ${name}`, deadlineMs));
            }
          }),
        );
      }
    } finally {
      cancel();
    }
  }
}

function push<K>(map: Map<K, Hook[]>, phase: K, hook: Hook): void {
  const hooks = map.get(phase);
  if (hooks === undefined) map.set(phase, [hook]);
  else hooks.push(hook);
}
