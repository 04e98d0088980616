import { Scope, type DynamicModule, type LoggerService } from '@nestjs/common';
import { isRookeryError } from '@rookery/core';
import { Logger as NestPinoLogger, LoggerModule, PinoLogger, type Params } from 'nestjs-pino';
import type { Logger, pino } from 'pino';

/** Injection token of the service's pino logger. */
export const LOGGER = Symbol('rookery.logger');

/** Loggers that carry what was assigned to one request. */
const ofRequests = new WeakSet<object>();

/**
 * nestjs-pino keeps one root logger per process, that of the app which came first. This one answers
 * with the logger of its own app instead, so that apps sharing a process (and tests) keep apart;
 * what was assigned to the running request or context is still honoured.
 */
class AppPinoLogger extends PinoLogger {
  readonly #own: Logger;

  constructor(own: Logger) {
    super(paramsOf(own));
    this.#own = own;
  }

  override get logger(): Logger {
    const current = super.logger as Logger | undefined;
    return current !== undefined && ofRequests.has(current) ? current : this.#own;
  }

  override assign(fields: pino.Bindings): void {
    super.assign(fields);
    ofRequests.add(super.logger);
  }

  override runInContext<T>(fn: () => T, options?: Parameters<PinoLogger['runInContext']>[1]): T {
    return super.runInContext(() => {
      ofRequests.add(super.logger);
      return fn();
    }, options);
  }
}

const paramsOf = (logger: Logger): Params => ({
  pinoHttp: { logger },
  useExisting: true,
  // The default route of nestjs-pino 5 matches nothing on Fastify.
  forRoutes: ['*splat'],
});

/** A logger for `NestFactory.create(..., { logger })`: Nest's own lines go to `logger` too. */
export function nestLogger(logger: Logger): LoggerService {
  return new StartLogger(new AppPinoLogger(logger), {});
}

/**
 * Nest logs what keeps it from starting, with its stack, and rejects with it as well. An error that
 * explains itself is left to whoever started Nest, so that it is told once, in one line.
 */
class StartLogger extends NestPinoLogger {
  override error(message: unknown, ...rest: unknown[]): void {
    if (isRookeryError(message) && rest.at(-1) === 'ExceptionHandler') return;
    super.error(message, ...rest);
  }
}

/** nestjs-pino over the service's logger: `PinoLogger`, `Logger` and `@InjectPinoLogger()` work. */
export function nestPinoModule(): DynamicModule {
  const module = LoggerModule.forRootAsync({ inject: [LOGGER], useFactory: paramsOf });
  const pinoLogger = {
    provide: PinoLogger,
    scope: Scope.TRANSIENT,
    inject: [LOGGER],
    useFactory: (logger: Logger) => new AppPinoLogger(logger),
  };
  return { ...module, providers: [...(module.providers ?? []), pinoLogger] };
}
