import type { Type } from '@nestjs/common';
import type { Clock } from '@rookery/core';
import { createApp, type RunningApp } from '@rookery/platform';
import { TokenMaker } from '@rookery/security/testing';
import { afterAll, beforeAll } from 'vitest';
import type { SpecDatabase } from '../database/index.js';
import type { SpecKafka } from '../kafka/use-kafka.js';

/** What the app of {@link useApp} has around it. */
export interface UseAppOptions {
  readonly database?: SpecDatabase;
  /** Without it, messages stay within the process. */
  readonly kafka?: SpecKafka;
  /** Addresses of other services by id, asked for when the app starts. */
  readonly services?: () => Readonly<Record<string, string>>;
  /** Further environment, asked for when the app starts. */
  readonly environment?: () => Readonly<Record<string, string>>;
  readonly clock?: Clock;
}

/** A request to the app of a spec. */
export interface SpecRequest {
  /** @default GET, or POST with a body */
  readonly method?: string;
  readonly body?: unknown;
  /** Scopes of the token; without them no token is sent. */
  readonly scopes?: readonly string[];
  /** Subject of the token. @default user-1 */
  readonly subject?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** An answer with its body read. */
export interface SpecResponse<T> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T;
}

/** A whole app for a spec file. Its members may be read once the file's hooks have run. */
export interface SpecApp {
  readonly url: string;
  readonly running: RunningApp;
  /** A provider of the app. */
  get<T>(type: Type<T> | (abstract new (...args: never[]) => T)): T;
  request<T = Record<string, unknown>>(
    path: string,
    request?: SpecRequest,
  ): Promise<SpecResponse<T>>;
}

/**
 * Runs an app for the spec file that calls it: listening on a free port, with real tokens from an
 * issuer of the spec's own, its consumers and schedulers started.
 */
export function useApp(appModule: Type, options: UseAppOptions = {}): SpecApp {
  let running: RunningApp | undefined;
  let url = '';
  let tokens: TokenMaker;

  beforeAll(async () => {
    tokens = await TokenMaker.start();
    const services = Object.entries(options.services?.() ?? {});
    running = await createApp(appModule, {
      ...(options.clock === undefined ? {} : { clock: options.clock }),
      environment: {
        ROOKERY_PROFILE: 'test',
        PORT: '0',
        SERVER_HOST: '127.0.0.1',
        LOG_LEVEL: 'silent',
        // Nobody balances over the instance of a spec, so nobody has to notice that it leaves.
        SERVER_DRAIN_DELAY: '0ms',
        // Specs wait until all is committed.
        MESSAGING_COMMIT_INTERVAL: '20ms',
        AUTH_ISSUER: tokens.issuer,
        AUTH_CLIENT_ID: 'spec',
        AUTH_CLIENT_SECRET: 'spec-secret',
        ...(options.database === undefined ? {} : { DATABASE_URL: options.database.url }),
        ...(options.kafka === undefined
          ? { KAFKA_DRIVER: 'memory' }
          : { KAFKA_BROKERS: options.kafka.brokers.join(',') }),
        ...Object.fromEntries(
          services.map(([id, address]) => [
            `DISCOVERY_INSTANCES_${id.toUpperCase().replaceAll('-', '_')}`,
            address,
          ]),
        ),
        ...options.environment?.(),
      },
    });
    url = await running.listen();
  });

  afterAll(async () => {
    await running?.stop();
    await tokens?.stop();
  });

  const current = (): RunningApp => {
    if (running === undefined) throw new Error('useApp: read it in hooks and tests only');
    return running;
  };

  return {
    get url() {
      return url;
    },
    get running() {
      return current();
    },
    get: (type) => current().nest.get(type, { strict: false }),
    async request<T>(path: string, request: SpecRequest = {}) {
      const { body, scopes, subject = 'user-1', headers } = request;
      const response = await fetch(new URL(path, url), {
        method: request.method ?? (body === undefined ? 'GET' : 'POST'),
        headers: {
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(scopes === undefined
            ? {}
            : {
                authorization: `Bearer ${await tokens.token({ subject, scopes, expiresIn: 86_400 })}`,
              }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      return {
        status: response.status,
        headers: response.headers,
        body: (text === '' ? undefined : JSON.parse(text)) as T,
      };
    },
  };
}
