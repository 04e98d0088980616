import { durationOption } from '@rookery/core';
import { z } from 'zod';
import { parseFilter } from './route/filters.js';
import { parsePredicate } from './route/predicates.js';

const MIB = 1_048_576;
const UNIT: Readonly<Record<string, number>> = { b: 1, kb: 1_024, mb: MIB };

/** A number of bytes, or one with a unit, such as `'2mb'`. */
const bytes = (): z.ZodType<number, number | string> =>
  z
    .union([z.int().min(0), z.string().regex(/^\d+(?:b|kb|mb)?$/i, "expected bytes, like '1mb'")])
    .transform((value) => {
      if (typeof value === 'number') return value;
      const [, digits, unit = 'b'] = /^(\d+)([a-z]*)$/i.exec(value)!;
      return Number(digits) * UNIT[unit.toLowerCase() || 'b']!;
    });

/** Text that a parser accepts; its complaint becomes the message. */
const parsable = (parse: (text: string) => unknown): z.ZodType<string> =>
  z.string().superRefine((text, context) => {
    try {
      parse(text);
    } catch (error) {
      context.addIssue({ code: 'custom', message: (error as Error).message });
    }
  });

/** Addresses that no route may lead to: cloud metadata services listen there. */
const LINK_LOCAL = /^(?:169\.254\.|\[fe[89ab])/i;

const uri = z.string().superRefine((text, context) => {
  const message = uriProblem(text);
  if (message !== undefined) context.addIssue({ code: 'custom', message });
});

function uriProblem(text: string): string | undefined {
  if (/^lb:\/\/[A-Za-z0-9][A-Za-z0-9._-]*$/.test(text)) return undefined;
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    return 'expected lb://<service> or an http(s) URL';
  }
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '' || url.username !== '') {
    return 'expected scheme, host and port only; the path is the work of filters';
  }
  return LINK_LOCAL.test(url.hostname) ? 'link-local addresses are not routed to' : undefined;
}

const routeSchema = z.strictObject({
  /** Names the route in logs, metrics and traces. */
  id: z.string().regex(/^[A-Za-z0-9._-]{1,64}$/),
  /** `lb://<service>`, found and balanced, or the origin of an http(s) URL. */
  uri,
  /** All must hold. */
  predicates: z.array(parsable(parsePredicate)).min(1),
  /** Applied in order to requests, and in the same order to answers. */
  filters: z.array(parsable(parseFilter)).default([]),
  /** Routes with a lower order are tried first; equal ones as they are listed. */
  order: z.int().default(0),
  auth: z
    .strictObject({
      /** Takes requests without a token. */
      public: z.boolean().default(false),
      /** Scopes that the token must have, all of them. */
      scopes: z.array(z.string().min(1)).default([]),
      /** Passes the caller's Authorization header on. */
      relay: z.boolean().default(true),
    })
    .refine((auth) => !auth.public || auth.scopes.length === 0, {
      path: ['scopes'],
      message: 'a public route cannot demand scopes',
    })
    .default({ public: false, scopes: [], relay: true }),
  /** Time until the answer begins; default `gateway.responseTimeout`. */
  timeout: durationOption().optional(),
  /** Longest body; default `gateway.bodyLimit`. */
  bodyLimit: bytes().optional(),
});

/** Configuration namespace `gateway`. */
export const gatewaySchema = z.strictObject({
  routes: z
    .array(routeSchema)
    .max(10_000)
    .default([])
    .refine((routes) => new Set(routes.map(({ id }) => id)).size === routes.length, {
      message: 'two routes have the same id',
    }),
  /** Filters of every route, before its own. */
  defaultFilters: z.array(parsable(parseFilter)).default([]),
  /** Host names that are served, without port; empty: any. */
  allowedHosts: z.array(z.string().toLowerCase()).default([]),
  maxUrlLength: z.int().min(64).default(8_192),
  bodyLimit: bytes().default(MIB),
  /** Time to make a connection to an upstream. */
  connectTimeout: durationOption().default(2_000),
  /** Time until an upstream begins to answer. */
  responseTimeout: durationOption().default(30_000),
  /** Longest pause within an answer. */
  idleTimeout: durationOption().default(60_000),
  /** Further instances that an idempotent request without body is tried at. */
  retries: z.int().min(0).max(5).default(1),
  /** Connections to one upstream instance. */
  connections: z.int().min(1).default(128),
  /** Requests that may wait for one of them. */
  maxWaiting: z.int().min(0).default(1_024),
});

/** Values of the namespace `gateway`. */
export type GatewayOptions = z.output<typeof gatewaySchema>;
/** One route as configured. */
export type RouteOptions = z.output<typeof routeSchema>;
