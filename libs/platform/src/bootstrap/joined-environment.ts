import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Environment } from '@rookery/core';

/** Where a platform that runs in a workspace says how its apps find each other. */
const JOINING = join('.rookery', 'run', 'environments.json');

/**
 * The environment of an app that was started by itself, as by `nest start orders`, in the workspace
 * of a platform that runs: it joins it as one more instance, on a free port. What its own
 * environment sets wins. Everywhere else, and always in production, its own is all there is.
 */
export function joinedEnvironment(app: string, own: Environment, folder: string): Environment {
  const launched = own.ROOKERY_INSTANCE !== undefined;
  const profile = own.ROOKERY_PROFILE ?? own.NODE_ENV ?? 'development';
  if (launched || profile !== 'development') return own;
  const file = findUpwards(folder);
  if (file === undefined) return own;
  const joining = JSON.parse(readFileSync(file, 'utf8')) as Record<string, Environment>;
  return joining[app] === undefined ? own : { PORT: '0', ...joining[app], ...own };
}

function findUpwards(folder: string): string | undefined {
  const file = join(folder, JOINING);
  if (existsSync(file)) return file;
  const parent = dirname(folder);
  return parent === folder ? undefined : findUpwards(parent);
}
