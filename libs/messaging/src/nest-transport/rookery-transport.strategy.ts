import { DiscoveryService, ExternalContextCreator } from '@nestjs/core';
import { Transport } from '@nestjs/microservices/enums/transport.enum';
import type { CustomTransportStrategy } from '@nestjs/microservices/interfaces/custom-transport-strategy.interface';
import { Server } from '@nestjs/microservices/server/server';
import { ServiceInfo } from '@rookery/config';
import { LOGGER, Tracing, type Logger } from '@rookery/observability';
import { TransactionHost } from '@rookery/persistence';
import { MessagingRuntime } from '../consumer/messaging-runtime.js';
import { NestPipeline } from '../handler/nest-pipeline.providers.js';
import { MessagingEngine } from '../messaging-engine.js';
import { NotOfferedError } from './nest-transport.errors.js';
import {
  resolveNestTransportOptions,
  type NestTransportOptions,
} from './nest-transport.options.js';
import { PatternHandlers } from './pattern-handlers.providers.js';
import { RequestDesk } from './request-desk.js';

/** Where the parts of an app are found: an application, or a `ModuleRef`. */
export interface Providers {
  get<T>(token: unknown, options?: { strict: boolean }): T;
}

/** Hands the `@EventPattern` and `@MessagePattern` handlers of an app to its messaging. */
export function subscribePatterns(app: Providers, options: NestTransportOptions = {}): void {
  const find = <T>(token: unknown): T => app.get<T>(token, { strict: false });
  const engine = find<MessagingEngine>(MessagingEngine);
  const log = find<Logger>(LOGGER).child({ context: 'Messaging' });
  const desk = new RequestDesk({
    host: find<TransactionHost>(TransactionHost),
    outbox: engine.outbox,
    admin: engine.admin,
    tracing: find<Tracing>(Tracing),
    log: (level, message, fields = {}) => log[level](fields, message),
  });
  const pipeline = new NestPipeline(
    find<DiscoveryService>(DiscoveryService),
    find<ExternalContextCreator>(ExternalContextCreator),
  );
  new PatternHandlers(
    {
      pipeline,
      desk,
      runtime: engine.runtime,
      service: find<ServiceInfo>(ServiceInfo).name,
      attempts: engine.retry.attempts,
    },
    resolveNestTransportOptions(options),
  ).subscribe();
}

/**
 * Runs `@EventPattern` and `@MessagePattern` handlers, as written for Nest's Kafka transport, on
 * the platform's consumers: order per key, retries, dead letters, transaction and inbox, drain.
 * Needs `MessagingModule`; what the app starts and stops, starts and stops its handlers.
 *
 * @example
 * app.connectMicroservice({ strategy: new RookeryTransport(app, { group: 'billing' }) });
 */
export class RookeryTransport extends Server implements CustomTransportStrategy {
  /** Handlers that name another transport are not for this one. */
  override readonly transportId = Transport.KAFKA;
  readonly #runtime: MessagingRuntime;

  /**
   * Subscribes the handlers, so create it before the app is started.
   *
   * @throws InvalidOptionError when an option is wrong, a pattern is no topic, a class is not a
   *   singleton, or two handlers have one name
   */
  constructor(app: Providers, options: NestTransportOptions = {}) {
    super();
    subscribePatterns(app, options);
    this.#runtime = app.get<MessagingRuntime>(MessagingRuntime, { strict: false });
  }

  /** Calls back at once: groups are joined when the app starts, and health tells when they are. */
  override listen(callback: () => void): void {
    this._status$.next('connected');
    callback();
  }

  /** Nothing is left to do: handlers are drained while the app stops. */
  override close(): void {
    this._status$.next('disconnected');
  }

  /** The runtime of consumers. */
  override unwrap<T = MessagingRuntime>(): T {
    return this.#runtime as T;
  }

  /** @throws NotOfferedError always: consumers tell how they are by health and metrics. */
  override on(): never {
    throw new NotOfferedError(
      'this transport has no events: look at the health of messaging and at its metrics',
    );
  }
}
