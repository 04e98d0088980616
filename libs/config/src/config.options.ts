import { durationOption } from '@rookery/core';
import { z } from 'zod';

/** Schema of the `config` namespace: where configuration comes from and how often it is re-read. */
export const configOptions = z.strictObject({
  /** Config server, several separated by commas; credentials as userinfo. Absent: local files. */
  url: z.string().min(1).optional(),
  /** Label (branch, version) asked for; absent: the server's default. */
  label: z.string().min(1).optional(),
  /** Folder of the local files, default `config` in the working directory. */
  directory: z.string().min(1).default('config'),
  /** How long a start retries an unreachable server. */
  failFastAfter: durationOption().default(30_000),
  /** Limit of one request to the server. */
  timeout: durationOption().default(5_000),
  /** Time between two looks at the server, jittered by 10%; 0 = never. Default 10s/30s. */
  refreshInterval: durationOption().optional(),
});

/** Validated `config` namespace. */
export type ConfigOptions = z.output<typeof configOptions>;

/** Schema of the `rookery` namespace: who this process is. */
export const identityOptions = z.object({
  /** Active profiles, separated by commas; the last one wins. */
  profile: z
    .string()
    .regex(/^[A-Za-z0-9_-]+(,[A-Za-z0-9_-]+)*$/, 'expected names separated by commas')
    .optional(),
  /** Name of this instance, unique within the service. */
  instance: z
    .string()
    .regex(/^[A-Za-z0-9._:-]{1,128}$/, 'expected up to 128 of A-Z a-z 0-9 . _ : -')
    .optional(),
  /** Version of the service, if the module does not state one. */
  version: z.string().min(1).optional(),
});
