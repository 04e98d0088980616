import { LogController, type FastifyBaseLogger } from 'fastify';
import type { Logger } from 'pino';

/** The options of a Fastify server by which its lines go to one logger. */
export interface FastifyLogging {
  readonly loggerInstance: FastifyBaseLogger;
  readonly logController: LogController;
  readonly childLoggerFactory: () => FastifyBaseLogger;
  readonly requestIdHeader: false;
  readonly genReqId: () => string;
}

/**
 * Options for `new FastifyAdapter({...})`: Fastify logs through `logger`, writes no line of its own
 * per request ({@link instrumentFastify} writes one), and makes no child logger per request, since
 * every line finds its request by itself.
 */
export function fastifyLogging(logger: Logger): FastifyLogging {
  return {
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    childLoggerFactory: () => logger,
    requestIdHeader: false,
    // The id of a request is its correlation id, set when the request is instrumented.
    genReqId: () => '',
  };
}
