import { KAFKA_DRIVER, kafkajsDriver, type KafkaDriver } from '@rookery/kafka';
import { MessagingEngine, type MessageContract } from '@rookery/messaging';
import { MessageProbe } from '@rookery/messaging/testing';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import type { SpecApp } from '../app/use-app.js';
import type { SpecKafka } from '../kafka/use-kafka.js';

/** Options of {@link useMessages}. */
export interface UseMessagesOptions {
  /** What to look at. */
  readonly contracts: readonly MessageContract[];
  /** The apps whose work {@link SpecMessages.idle} waits for. @default none */
  readonly apps?: readonly SpecApp[];
  /** Their broker. Without one, there must be one app, whose messages stay within the process. */
  readonly kafka?: SpecKafka;
  /** Topics of replies, which contracts do not name. @default none */
  readonly topics?: readonly string[];
  /** How long waits last at most, in milliseconds. @default 15,000 */
  readonly timeoutMs?: number;
}

/** What a spec file can do with messages. */
export type SpecMessages = Pick<
  MessageProbe,
  | 'publish'
  | 'send'
  | 'published'
  | 'deadLettered'
  | 'all'
  | 'deadLetters'
  | 'nothingPublished'
  | 'idle'
  | 'forget'
>;

/**
 * Stands beside the apps of a spec file at their broker: publishes as another service would, awaits
 * what they publish, and waits until they are idle. Each test begins with nothing seen. Call it
 * after `useApp`.
 */
export function useMessages(options: UseMessagesOptions): SpecMessages {
  const { apps = [], kafka, ...rest } = options;
  let probe: MessageProbe | undefined;
  let own: KafkaDriver | undefined;

  beforeAll(async () => {
    own =
      kafka === undefined
        ? undefined
        : await kafkajsDriver({ brokers: kafka.brokers, clientId: 'messages-of-spec' });
    const driver = own ?? apps[0]?.running.nest.get<KafkaDriver>(KAFKA_DRIVER, { strict: false });
    if (driver === undefined) throw new Error('useMessages: give it a `kafka` or an app');
    probe = await MessageProbe.start({
      ...rest,
      driver,
      engines: () => apps.map((app) => app.get(MessagingEngine)),
    });
  });
  beforeEach(() => probe?.forget());
  afterAll(async () => {
    await probe?.stop();
    await own?.close();
  });

  const current = (): MessageProbe => {
    if (probe === undefined) throw new Error('useMessages: use it in hooks and tests only');
    return probe;
  };
  return {
    publish: (event, data, how) => current().publish(event, data, how),
    send: (command, data, how) => current().send(command, data, how),
    published: (contract, fits) => current().published(contract, fits),
    deadLettered: (fits) => current().deadLettered(fits),
    all: (contract) => current().all(contract),
    get deadLetters() {
      return current().deadLetters;
    },
    nothingPublished: (contract, fits) => current().nothingPublished(contract, fits),
    idle: () => current().idle(),
    forget: () => current().forget(),
  };
}
