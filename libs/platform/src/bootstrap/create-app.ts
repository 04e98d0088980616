import { Module, type DynamicModule, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { closeGracefully } from '@rookery/actuator';
import { ConfigModule, describeService, loadConfig, type ConfigStore } from '@rookery/config';
import { Lifecycle, PROBLEM_JSON, systemClock, type Clock, type Environment } from '@rookery/core';
import {
  fastifyLogging,
  instrumentFastify,
  isProbe,
  loggerFor,
  Metrics,
  nestLogger,
  runAsApp,
  Tracing,
} from '@rookery/observability';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { toProblem } from '../problem/problem.filter.js';
import { optionsOf } from '../rookery.module.js';
import type { ResolvedRookeryOptions } from '../rookery.options.js';
import { ServerConfig } from './server.options.js';

/** What {@link createApp} may be told; a test tells it more than `bootstrap` does. */
export interface CreateAppOptions {
  /** Environment to configure the service from. */
  readonly environment: Environment;
  /** Folder of the local configuration files; default `config`. */
  readonly configDirectory?: string;
  readonly clock?: Clock;
}

/** A service that has been put together. */
export interface RunningApp {
  readonly name: string;
  readonly nest: NestFastifyApplication;
  readonly config: ConfigStore;
  readonly lifecycle: Lifecycle;
  readonly logger: ReturnType<typeof loggerFor>;
  /** Listens, then starts schedulers and consumers and registers. Returns the base URL. */
  listen(): Promise<string>;
  /** Runs the shutdown sequence; calling it again waits for the same one. */
  stop(): Promise<void>;
}

@Module({})
class HostModule {}

/**
 * Puts a service together without starting it and without touching the process: no signals, no exit.
 * `bootstrap` is built on it, and so are tests.
 *
 * @throws InvalidOptionError when an option or configuration value is wrong
 */
export function createApp(appModule: Type, options: CreateAppOptions): Promise<RunningApp> {
  const declared = optionsOf(appModule);
  const { name } = declared;
  return runAsApp(name, async () => {
    const { environment, clock = systemClock, configDirectory } = options;
    const config = await loadConfig({ app: name, environment, directory: configDirectory, clock });
    try {
      return await assemble(appModule, declared, config, clock);
    } catch (error) {
      config.close();
      throw error;
    }
  });
}

async function assemble(
  appModule: Type,
  { name, discovery, quietPaths }: ResolvedRookeryOptions,
  config: ConfigStore,
  clock: Clock,
): Promise<RunningApp> {
  const server = config.namespace('server', ServerConfig);
  const service = describeService(config, { clock });
  const logger = loggerFor(config, service);
  const host: DynamicModule = {
    module: HostModule,
    imports: [ConfigModule.forStore(config, { clock, service }), appModule],
  };
  const adapter = new FastifyAdapter({
    ...fastifyLogging(logger),
    bodyLimit: server.bodyLimit,
    requestTimeout: server.requestTimeout,
    keepAliveTimeout: server.keepAliveTimeout,
    connectionTimeout: 0,
    return503OnClosing: false,
    routerOptions: { ignoreTrailingSlash: true },
    http: { headersTimeout: server.headersTimeout },
    // What Fastify refuses before any route, such as a path with a broken escape.
    frameworkErrors: (error: Error, _request: unknown, reply: FastifyReply) => {
      const body = toProblem(error);
      void reply.status(body.status).type(PROBLEM_JSON).send(JSON.stringify(body));
    },
  });
  const nest = await NestFactory.create<NestFastifyApplication>(host, adapter, {
    logger: nestLogger(logger),
    abortOnError: false,
  });
  const fastify: FastifyInstance = nest.getHttpAdapter().getInstance();
  fastify.server.maxConnections = server.maxConnections;
  const [tracing, metrics, lifecycle] = [nest.get(Tracing), nest.get(Metrics), nest.get(Lifecycle)];
  const quiet = (url: string): boolean =>
    isProbe(url) || quietPaths.some((path) => isBelow(url, path));
  instrumentFastify(fastify, { tracing, metrics, logger, app: name, clock, quiet });
  fastify.addHook('onSend', (_request, reply, payload, done) => {
    // An API's answers are data: never to be sniffed as a page, never to be kept by a cache unasked.
    reply.header('x-content-type-options', 'nosniff');
    if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'no-store');
    done(null, payload);
  });
  lifecycle.onStop('server', 'http', (signal) => closeGracefully(fastify, signal));

  let stopping: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    await lifecycle.stop(server.shutdownDeadline, {
      onStopFailure: (phase, part, error) =>
        logger.error({ err: error, phase, part }, `${part} did not stop cleanly`),
    });
    await nest.close();
    config.close();
  };
  return {
    name,
    nest,
    config,
    lifecycle,
    logger,
    listen: () =>
      runAsApp(name, async () => {
        const address = server.host ?? (config.profile === 'production' ? '0.0.0.0' : '127.0.0.1');
        await nest.listen(server.port, address);
        const url = urlOf(fastify);
        if (discovery) {
          const { Registration } = await import('@rookery/discovery');
          const { hostname, port } = new URL(url);
          nest.get(Registration).announce(hostname, Number(port));
        }
        await lifecycle.start();
        logger.info(
          { context: 'Bootstrap', ms: clock.now() - service.startedAt },
          `${name} is up at ${url}`,
        );
        return url;
      }),
    stop: () => runAsApp(name, () => (stopping ??= stop())),
  };
}

function isBelow(url: string, path: string): boolean {
  return url.startsWith(path) && (path.endsWith('/') || /^[/?]?$/.test(url.charAt(path.length)));
}

function urlOf(fastify: FastifyInstance): string {
  const address = fastify.server.address();
  if (address === null || typeof address === 'string') throw new Error('not listening on TCP');
  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return `http://${host}:${address.port}`;
}
