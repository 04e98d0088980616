import type { Type } from '@nestjs/common';
import { installShutdown } from '@rookery/actuator';
import { environmentOf, isHosted, isRookeryError, joinHost } from '@rookery/core';
import { optionsOf } from '../rookery.module.js';
import { createApp, type RunningApp } from './create-app.js';
import { joinedEnvironment } from './joined-environment.js';

/**
 * Starts a service: configuration, logging, Nest on Fastify with safe limits, tracing and metrics,
 * health, listening, schedulers, consumers, registration; and stops it in the reverse order when the
 * process is asked to end. This is all that an app's `main.ts` does.
 *
 * Started by itself while the platform of its workspace runs, it joins as one more instance.
 *
 * What keeps it from starting is one line that says what is wrong and ends the process with code 1;
 * in a process that several services share it rejects instead.
 */
export async function bootstrap(appModule: Type): Promise<RunningApp> {
  try {
    const { name } = optionsOf(appModule);
    const own = environmentOf(name);
    const environment = isHosted() ? own : joinedEnvironment(name, own, process.cwd());
    const app = await createApp(appModule, { environment });
    try {
      await app.listen();
    } catch (error) {
      await app.stop();
      throw error;
    }
    if (isHosted()) joinHost(name, () => app.stop());
    else installShutdown(app.stop, { logger: app.logger });
    return app;
  } catch (error) {
    if (isHosted()) throw error;
    process.stderr.write(`${explain(error)}\n`);
    process.exit(1);
  }
}

/** One line for what a developer can mend; the stack for what only we can. */
function explain(error: unknown): string {
  if (isRookeryError(error)) return `${error.code}: ${error.message}`;
  const { code, message, stack } = error as NodeJS.ErrnoException;
  if (code === 'EADDRINUSE') {
    return `RKY_PLATFORM_PORT_IN_USE: ${message}: end what listens there, or set PORT to another port`;
  }
  return stack ?? String(error);
}
