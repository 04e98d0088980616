import { constants } from 'node:os';
import {
  isHosted,
  systemClock,
  toMilliseconds,
  type Clock,
  type Duration,
  type Lifecycle,
} from '@rookery/core';
import type { Logger } from '@rookery/observability';

/** The signals that stop a service. */
export type StopSignal = 'SIGTERM' | 'SIGINT';

/** The part of `process` that a shutdown needs. */
export interface ShutdownProcess {
  on(event: StopSignal, listener: () => void): unknown;
  off(event: StopSignal, listener: () => void): unknown;
  exit(code: number): void;
}

/** Options of {@link installShutdown}. */
export interface ShutdownOptions {
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error'>;
  /**
   * How long requests are still served after the service has said that it leaves; at least as long
   * as callers remember its address. Default 0.
   */
  readonly drainDelay?: Duration;
  /** Time for the whole sequence. Default 25 s, within Kubernetes' 30 s. */
  readonly deadline?: Duration;
  /** What is closed after all phases: the Nest application. */
  readonly close?: () => Promise<void>;
  readonly clock?: Clock;
  /** Default: the process. Given, signals are listened to even in a host of several apps. */
  readonly process?: ShutdownProcess;
}

const CLOSE_LIMIT_MS = 2_000;
const SIGNALS: readonly StopSignal[] = ['SIGTERM', 'SIGINT'];

/** Stops a service: by a signal to its process, or by a call. */
export class ShutdownController {
  readonly #logger: ShutdownOptions['logger'];
  readonly #clock: Clock;
  readonly #deadlineMs: number;
  #stopping: Promise<boolean> | undefined;
  #uninstall: (() => void) | undefined;

  constructor(
    private readonly lifecycle: Lifecycle,
    private readonly options: ShutdownOptions,
  ) {
    this.#logger = options.logger;
    this.#clock = options.clock ?? systemClock;
    this.#deadlineMs = toMilliseconds(options.deadline ?? '25s');
    const drainMs = toMilliseconds(options.drainDelay ?? 0);
    if (drainMs > 0) {
      lifecycle.onStop('drain', 'drain', async (signal) => {
        // Told to hurry, it is done at once.
        await this.#clock.sleep(drainMs, signal).catch(() => {});
      });
    }
  }

  /**
   * Runs the stop phases and closes the application, once; resolves to whether all of it ended
   * properly and in time. Further calls wait for the same run.
   */
  stop(reason: string): Promise<boolean> {
    this.#stopping ??= this.#run(reason);
    return this.#stopping;
  }

  /** Stops on SIGTERM and SIGINT, and exits: 0, or 1 when something had to be left behind. */
  listen(target: ShutdownProcess): void {
    const listeners = SIGNALS.map((signal) => {
      const listener = (): void => this.#onSignal(signal, target);
      target.on(signal, listener);
      return () => void target.off(signal, listener);
    });
    this.#uninstall = () => listeners.forEach((remove) => remove());
  }

  /** Listens to signals no more. */
  uninstall(): void {
    this.#uninstall?.();
    this.#uninstall = undefined;
  }

  #onSignal(signal: StopSignal, target: ShutdownProcess): void {
    if (this.#stopping !== undefined) {
      this.#logger.warn({ context: 'Shutdown' }, `${signal} again: exits at once`);
      target.exit(128 + constants.signals[signal]);
      return;
    }
    void this.stop(signal).then((clean) => target.exit(clean ? 0 : 1));
  }

  async #run(reason: string): Promise<boolean> {
    const started = this.#clock.monotonic();
    let clean = true;
    this.#logger.info({ context: 'Shutdown' }, `${reason}: stopping`);
    await this.lifecycle.stop(this.#deadlineMs, {
      onStopFailure: (phase, name, error) => {
        clean = false;
        this.#logger.error(
          { context: 'Shutdown', phase, err: error },
          `could not stop ${name} properly`,
        );
      },
    });
    clean = (await this.#close()) && clean;
    const ms = Math.round(this.#clock.monotonic() - started);
    this.#logger.info({ context: 'Shutdown', ms }, `stopped after ${ms} ms`);
    return clean;
  }

  /** Nest's own hooks come last, when nothing is in flight any more. */
  async #close(): Promise<boolean> {
    const { close } = this.options;
    if (close === undefined) return true;
    let cancel = (): void => {};
    const tooLong = new Promise<boolean>((resolve) => {
      cancel = this.#clock.after(CLOSE_LIMIT_MS, () => {
        this.#logger.error({ context: 'Shutdown' }, 'the application did not close in time');
        resolve(false);
      });
    });
    const closed = close().then(
      () => true,
      (error: unknown) => {
        this.#logger.error({ context: 'Shutdown', err: error }, 'the application did not close');
        return false;
      },
    );
    return Promise.race([closed, tooLong]).finally(cancel);
  }
}

/**
 * Makes a service stop in order when its process is told to: readiness turns 503, the phases of
 * {@link Lifecycle} run, the application closes, the process exits. A second signal exits at once.
 * In a host of several apps, which owns the signals, nothing is listened to: the host calls
 * {@link ShutdownController.stop}.
 */
export function installShutdown(
  lifecycle: Lifecycle,
  options: ShutdownOptions,
): ShutdownController {
  const controller = new ShutdownController(lifecycle, options);
  if (options.process !== undefined || !isHosted()) controller.listen(options.process ?? process);
  return controller;
}
