import type { ConfigStore } from '@rookery/config';
import { durationOption } from '@rookery/core';
import { z } from 'zod';

/** Schema of the `console` namespace. */
const consoleOptions = z.strictObject({
  /** Time between two looks at all instances, while somebody watches. */
  pollInterval: durationOption().default(1_000),
  /** Limit of one question to one instance. */
  requestTimeout: durationOption().default(2_000),
  /** How long a service without instances stays on the page. */
  rememberFor: durationOption().default(900_000),
  /** Services that orchestrate sagas. */
  sagaServices: z.array(z.string().min(1)).default(['orders']),
  /** Newest sagas to show of each. */
  sagaLimit: z.int().min(1).max(200).default(50),
  /** Host names by which the page may be called, besides those of this machine. */
  allowedHosts: z.array(z.string().min(1)).default([]),
  /** Browsers that may watch at once. */
  maxWatchers: z.int().min(1).default(50),
});

/** Validated `console` namespace. */
export type ConsoleOptions = z.output<typeof consoleOptions>;

/** @throws InvalidOptionError */
export function readOptions(config: ConfigStore): ConsoleOptions {
  return config.namespace('console', consoleOptions);
}

/** The part of `config` that tells where the config server is; its owner validates all of it. */
const configAddress = z.object({ url: z.string().optional() }).prefault({});
/** The part of `discovery` that tells where the registry is. */
const discoveryAddress = z.object({ url: z.string().optional() }).prefault({});

/** Addresses of what registers nowhere because it starts before the registry. */
export function infrastructure(config: ConfigStore): ReadonlyMap<string, URL> {
  const urls = {
    'config-server': config.namespace('config', configAddress).url,
    discovery: config.namespace('discovery', discoveryAddress).url,
  };
  const found = new Map<string, URL>();
  for (const [name, text] of Object.entries(urls)) {
    const url = text === undefined ? null : URL.parse(text.split(',', 1)[0] ?? '');
    if (url !== null) found.set(name, new URL(url.origin));
  }
  return found;
}
