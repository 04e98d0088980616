import { createRequire } from 'node:module';
import { context as otelContext, trace } from '@opentelemetry/api';
import { currentContext, resolveOptions } from '@rookery/core';
import { pino, type DestinationStream, type Level, type Logger } from 'pino';
import { z } from 'zod';
import { currentApp } from '../scope/app-scope.js';
import { describeError, REDACTED, redactFields, scrub } from './redact.js';

/** The levels of a log, from the quietest. */
export const LOG_LEVELS = ['silent', 'fatal', 'error', 'warn', 'info', 'debug', 'trace'] as const;
/** How lines are written. */
export const LOG_FORMATS = ['json', 'pretty'] as const;

/** Options of {@link createLogger}. */
export interface LoggerOptions {
  /** The service, the `service` of every line. */
  app: string;
  /** The instance of the service, for example `orders-1`. */
  instance: string;
  /** The service's version, if known. */
  version?: string | undefined;
  /** The profile it runs in, the `env` of every line. */
  profile?: string | undefined;
  /** What is written and above. Default `info`. */
  level?: Level | 'silent' | undefined;
  /** `json` (default): one object a line. `pretty`: for eyes, loads pino-pretty. */
  format?: (typeof LOG_FORMATS)[number] | undefined;
  /** Where lines go. Default: the process's standard output, synchronously. */
  destination?: DestinationStream | undefined;
}

const optionsSchema = z.strictObject({
  app: z.string().min(1),
  instance: z.string().min(1),
  version: z.string().optional(),
  profile: z.string().optional(),
  level: z.enum(LOG_LEVELS).default('info'),
  format: z.enum(LOG_FORMATS).default('json'),
  destination: z
    .custom<DestinationStream>((value) => typeof (value as DestinationStream)?.write === 'function')
    .optional(),
});

interface Identity {
  readonly service: string;
  readonly instance: string;
  readonly version: string | undefined;
  readonly env: string | undefined;
}

const identities = new Map<string, Identity>();

/**
 * The logger of a service; usable before anything else exists. Lines are JSON with `time`,
 * `level` (text), `service`, `instance`, `version`, `env`, `correlationId`, `traceId`, `spanId`,
 * `context`, `msg`, `err`, `http` and `rpc`; what is not known is left out. Secrets are taken out
 * by the name of the field and by the shape of the text.
 *
 * Which service, request and span a line belongs to is asked when it is written, so that any logger
 * of the process may be used from anywhere.
 *
 * @throws InvalidOptionError for a wrong option
 */
export function createLogger(options: LoggerOptions): Logger {
  const { app, instance, version, profile, level, format, destination } = resolveOptions(
    optionsSchema,
    options,
    'createLogger()',
  );
  const own: Identity = { service: app, instance, version, env: profile };
  identities.set(app, own);
  const hidden = (): string => REDACTED;
  const output = destination ?? pino.destination({ dest: 1, sync: true });
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), log: redactFields },
      // Bindings of a child logger pass no formatter, only serializers.
      serializers: {
        err: describeError,
        error: describeError,
        password: hidden,
        token: hidden,
        secret: hidden,
        card: hidden,
        authorization: hidden,
        cookie: hidden,
      },
      mixin: () => {
        const context = currentContext();
        const running = context?.app ?? currentApp();
        const identity =
          running === undefined || running === app ? own : (identities.get(running) ?? own);
        const span = trace.getSpanContext(otelContext.active());
        return {
          ...identity,
          correlationId: context?.correlationId,
          traceId: span?.traceId,
          spanId: span?.spanId,
        };
      },
      hooks: { streamWrite: scrub },
    },
    format === 'pretty' ? prettified(output, destination === undefined) : output,
  );
}

/** Loads pino-pretty only where somebody reads along: it is not needed by a service in a cluster. */
function prettified(output: DestinationStream, terminal: boolean): DestinationStream {
  const { prettyFactory } = createRequire(import.meta.url)('pino-pretty') as {
    prettyFactory: (options: object) => (line: string) => string | undefined;
  };
  const prettify = prettyFactory({
    colorize: terminal && process.stdout.isTTY === true,
    translateTime: 'SYS:HH:MM:ss.l',
    ignore: 'service,instance,version,env,spanId,http',
    messageFormat: '{if context}[{context}] {end}{msg}',
  });
  return { write: (line) => output.write(prettify(line) ?? '') };
}
