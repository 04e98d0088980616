/** Environment variables as an app sees them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Ends an app that shares its process: its whole shutdown sequence, without leaving the process. */
export type StopApp = () => Promise<void>;

interface Host {
  readonly environments: ReadonlyMap<string, Environment>;
  readonly running: Map<string, StopApp>;
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

/**
 * Declares this process the host of several apps, each with an environment of its own.
 *
 * @returns the apps that have joined (see {@link joinHost}), in the order they did; the host stops
 *   them, since it owns the signals
 */
export function hostApps(
  environments: ReadonlyMap<string, Environment>,
): ReadonlyMap<string, StopApp> {
  const running = new Map<string, StopApp>();
  (globalThis as { [HOST]?: Host })[HOST] = { environments, running };
  return running;
}

/** Tells the host of this process, if there is one, how to stop an app that has started. */
export function joinHost(app: string, stop: StopApp): void {
  (globalThis as { [HOST]?: Host })[HOST]?.running.set(app, stop);
}
