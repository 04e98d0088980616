import type { EventEmitter } from 'node:events';
import { constants } from 'node:os';
import { systemClock, toMilliseconds, type Clock, type Duration } from '@rookery/core';
import type { Logger } from '@rookery/observability';

/** The signals that stop a service. */
export type StopSignal = 'SIGTERM' | 'SIGINT';

/** The part of `process` that a shutdown needs. */
export type ShutdownProcess = Pick<EventEmitter, 'on' | 'off'> & { exit(code: number): void };

/** Options of {@link installShutdown}. */
export interface ShutdownOptions {
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error' | 'fatal'>;
  /**
   * When the process exits although the service has not stopped. Default 28 s: above the deadline of
   * the phases, which is 25 s by default, and below the 30 s of Kubernetes.
   */
  readonly limit?: Duration;
  readonly clock?: Clock;
  /** Default: the process. */
  readonly process?: ShutdownProcess;
}

const SIGNALS: readonly StopSignal[] = ['SIGTERM', 'SIGINT'];

/**
 * Makes a service stop in order when its process is told to: on SIGTERM or SIGINT runs `stop`, which
 * runs the phases of `Lifecycle`, then exits: 0, or 1 when `stop` failed or overran `limit`. A second
 * signal exits at once with 128 plus its number. Errors that nobody caught, which end the process,
 * are logged first.
 *
 * Not for a process that several services share: there the host owns the signals and calls `stop`
 * of each.
 *
 * @returns a function that undoes it
 */
export function installShutdown(
  stop: () => Promise<void>,
  { logger, limit = '28s', clock = systemClock, process: target = process }: ShutdownOptions,
): () => void {
  const limitMs = toMilliseconds(limit);
  let stopping = false;

  const onSignal = (signal: StopSignal): void => {
    if (stopping) {
      logger.warn({ context: 'Shutdown' }, `${signal} again: exits at once`);
      target.exit(128 + constants.signals[signal]);
      return;
    }
    stopping = true;
    logger.info({ context: 'Shutdown' }, `${signal}: stopping`);
    void end();
  };

  async function end(): Promise<void> {
    const startedAt = clock.monotonic();
    const cancel = clock.after(limitMs, () => {
      logger.error({ context: 'Shutdown' }, `not stopped within ${limitMs} ms: exits as it is`);
      target.exit(1);
    });
    try {
      await stop();
      cancel();
      const ms = Math.round(clock.monotonic() - startedAt);
      logger.info({ context: 'Shutdown', ms }, `stopped after ${ms} ms`);
      target.exit(0);
    } catch (error) {
      cancel();
      logger.error({ context: 'Shutdown', err: error }, 'could not stop properly');
      target.exit(1);
    }
  }

  const onUncaught = (error: Error, origin: string): void =>
    logger.fatal({ context: 'Process', err: error }, `${origin}: the process ends`);

  const signalListeners = SIGNALS.map((signal) => [signal, () => onSignal(signal)] as const);
  for (const [signal, listener] of signalListeners) target.on(signal, listener);
  target.on('uncaughtExceptionMonitor', onUncaught);
  return () => {
    for (const [signal, listener] of signalListeners) target.off(signal, listener);
    target.off('uncaughtExceptionMonitor', onUncaught);
  };
}
