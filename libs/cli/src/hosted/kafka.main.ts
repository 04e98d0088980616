// The embedded Kafka as a process of its own. `rookery` starts, watches and restarts it.
import { EmbeddedKafka } from '@rookery/embedded-kafka';

/** Environment of this process. */
const { KAFKA_PORT = '9092', KAFKA_DATA, ROOKERY_KAFKA = '{}', LOG_FORMAT = 'json' } = process.env;

/** What `rookery kafka` asks for besides, as JSON in ROOKERY_KAFKA. */
export interface KafkaOrder {
  readonly nodes?: number;
  readonly topics?: Readonly<Record<string, number>>;
  readonly sasl?: { readonly users: Readonly<Record<string, string>> };
}

const say = (level: string, msg: string): void => {
  const line = { time: new Date().toISOString(), level, service: 'kafka', msg };
  process.stdout.write(LOG_FORMAT === 'json' ? `${JSON.stringify(line)}\n` : `${msg}\n`);
};

try {
  const broker = await EmbeddedKafka.start({
    port: Number(KAFKA_PORT),
    ...(JSON.parse(ROOKERY_KAFKA) as KafkaOrder),
    ...(KAFKA_DATA !== undefined && { dataDirectory: KAFKA_DATA }),
    log: (message: string) => say('info', message),
  });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      broker.stop().then(
        () => process.exit(0),
        (error: Error) => {
          say('error', error.message);
          process.exit(1);
        },
      );
    });
  }
  // Said last: who waits for it may end us at once.
  say('info', `serving the Kafka protocol on ${broker.brokers.join(',')}`);
} catch (error) {
  say('error', (error as Error).message);
  process.exit(1);
}
