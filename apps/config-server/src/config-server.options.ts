import type { ConfigStore } from '@rookery/config';
import { durationOption } from '@rookery/core';
import { z } from 'zod';

/** Schema of the `configServer` namespace. */
const configServerOptions = z.strictObject({
  /** Folder that is served. */
  root: z.string().min(1).default('config'),
  /** User that clients authenticate as. */
  username: z.string().min(1).default('config'),
  /** Their password; there is no default, because a known one is none. */
  password: z.string().min(8),
  /** Longest time a change of the folder goes unnoticed where the system does not announce it. */
  pollInterval: durationOption().default(2_000),
  /** Clients that may listen for changes at once. */
  maxListeners: z.int().min(1).default(1_000),
});

/** Validated `configServer` namespace. */
export type ConfigServerOptions = z.output<typeof configServerOptions>;

/** @throws InvalidOptionError */
export function readOptions(config: ConfigStore): ConfigServerOptions {
  return config.namespace('configServer', configServerOptions);
}
