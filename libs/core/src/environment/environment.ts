/** Environment variables as an app sees them. */
export type Environment = Readonly<Record<string, string | undefined>>;

interface Host {
  readonly environments: ReadonlyMap<string, Environment>;
}

const HOST = Symbol.for('rookery.host');

/**
 * The environment of an app: the process's, unless a host that runs several apps in one process
 * has given each its own (see {@link hostApps}).
 */
export function environmentOf(app: string): Environment {
  const host = (globalThis as { [HOST]?: Host })[HOST];
  return host?.environments.get(app) ?? process.env;
}

/** Whether several apps share this process, so that none of them may own its signals or exit. */
export function isHosted(): boolean {
  return (globalThis as { [HOST]?: Host })[HOST] !== undefined;
}

/** Declares this process the host of several apps, each with an environment of its own. */
export function hostApps(environments: ReadonlyMap<string, Environment>): void {
  (globalThis as { [HOST]?: Host })[HOST] = { environments };
}
