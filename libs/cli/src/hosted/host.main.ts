// All apps of a run in this one process, each with an environment of its own: `rookery up --one`.
import { hostApps, type Environment } from '@rookery/core';

/** What the parent sends: nothing of it is on the command line or in a file, for it has secrets. */
export interface HostOrder {
  readonly apps: readonly {
    readonly app: string;
    /** Address of the module that starts it. */
    readonly module: string;
    readonly waitsFor: readonly string[];
    readonly environment: Environment;
  }[];
  readonly kafka?: { readonly port: number; readonly dataDirectory: string } | undefined;
}

interface Stoppable {
  stop(): Promise<void>;
}

// Until the order is there, the channel is all that keeps this process.
process.channel?.ref();
const order = await new Promise<HostOrder>((resolve) => process.once('message', resolve));
process.channel?.unref();
const running = hostApps(new Map(order.apps.map(({ app, environment }) => [app, environment])));
let broker: Stoppable | undefined;
let stopping = false;

process.once('SIGTERM', () => void stop());
if (order.kafka !== undefined) {
  // Loaded only here: without an embedded broker none of it is needed.
  const { EmbeddedKafka } = await import('@rookery/embedded-kafka');
  broker = await EmbeddedKafka.start(order.kafka);
}

const started = new Map<string, Promise<unknown>>();
const start = (app: HostOrder['apps'][number]): Promise<unknown> => {
  const known = started.get(app.app);
  if (known !== undefined) return known;
  const before = order.apps.filter((other) => app.waitsFor.includes(other.app));
  const done = Promise.all(before.map(start)).then(() =>
    stopping ? undefined : import(app.module),
  );
  started.set(app.app, done);
  return done;
};
await Promise.all(order.apps.map(start));

/** Each app ends after those that waited for it; apps that do not wait for each other end at once. */
async function stop(): Promise<void> {
  stopping = true;
  const ended = new Map<string, Promise<void>>();
  const end = ({ app }: HostOrder['apps'][number]): Promise<void> => {
    const known = ended.get(app);
    if (known !== undefined) return known;
    const users = order.apps.filter(({ waitsFor }) => waitsFor.includes(app));
    const done = Promise.all(users.map(end))
      .then(() => running.get(app)?.())
      .catch((error: Error) => {
        process.stderr.write(`${app} did not stop well: ${error.message}\n`);
      });
    ended.set(app, done);
    return done;
  };
  await Promise.all(order.apps.map(end));
  await broker?.stop();
  process.exit(0);
}
