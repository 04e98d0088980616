import type { Type } from '@nestjs/common';
import { resolveOptions } from '@rookery/core';
import type { MigrationSet } from '@rookery/persistence';
import { z } from 'zod';

/** How a service keeps its data. */
export interface PersistenceChoice {
  /** The service's own tables, beside those of the platform. @default none */
  migrations?: MigrationSet;
  /**
   * Whose connections and transactions are used. With `typeorm` the app imports the `TypeOrmModule`
   * of `@nestjs/typeorm` as well, and its entities take part through `TypeOrmTransactions`.
   *
   * @default 'kysely'
   */
  orm?: 'kysely' | 'typeorm';
}

/** What a service is and which of the platform's parts it uses. */
export interface RookeryOptions {
  /** Name of the service: its id in discovery, its configuration file, its consumer group. */
  name: string;
  /** Gives the service a database of its own and keeps its schema current. */
  persistence?: PersistenceChoice;
  /** Publishes and consumes events and commands; needs `persistence` for outbox and inbox. */
  messaging?: boolean;
  /** Saga classes that this service orchestrates; needs `messaging`. Provide each in a module. */
  sagas?: readonly Type[];
  /** Declarative HTTP clients (`@HttpClient`) to provide. */
  clients?: readonly Type[];
  /**
   * Whether every route needs a token unless it says otherwise.
   *
   * @default true
   */
  security?: boolean;
  /**
   * Whether the service registers itself and can find others.
   *
   * @default true
   */
  discovery?: boolean;
  /**
   * Paths that machines poll, with all below them: their requests leave no span, and a log line at
   * `debug` only. Those of the management endpoints are always among them.
   *
   * @default none
   */
  quietPaths?: readonly string[];
}

const NAME = /^[a-z][a-z0-9-]{0,40}$/;
const classes = z.array(z.custom<Type>((value) => typeof value === 'function', 'expected classes'));

const schema = z
  .strictObject({
    name: z.string().regex(NAME, 'expected a lower-case name like order-history'),
    persistence: z
      .strictObject({
        migrations: z.custom<MigrationSet>((value) => typeof value === 'object').optional(),
        orm: z.enum(['kysely', 'typeorm']).default('kysely'),
      })
      .optional(),
    messaging: z.boolean().default(false),
    sagas: classes.default([]),
    clients: classes.default([]),
    security: z.boolean().default(true),
    discovery: z.boolean().default(true),
    quietPaths: z.array(z.string().startsWith('/')).default([]),
  })
  .refine(({ messaging, persistence }) => !messaging || persistence !== undefined, {
    path: ['messaging'],
    message: 'needs persistence: the outbox and the inbox live in the database of the service',
  })
  .refine(({ sagas, messaging }) => sagas.length === 0 || messaging, {
    path: ['sagas'],
    message: 'need messaging: true',
  })
  .refine(({ clients, discovery }) => clients.length === 0 || discovery, {
    path: ['clients'],
    message: 'need discovery: true',
  });

/** {@link RookeryOptions} with defaults applied. */
export type ResolvedRookeryOptions = Readonly<z.output<typeof schema>>;

/** @throws InvalidOptionError */
export function resolveRookeryOptions(options: RookeryOptions): ResolvedRookeryOptions {
  return resolveOptions(schema, options, 'RookeryModule.forRoot()');
}
