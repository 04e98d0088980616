import { kafkaProbe } from '../process/readiness.js';
import { CommandError } from '../cli.errors.js';

/**
 * The brokers at an address list, once one of them has answered in Kafka's protocol.
 *
 * @throws CommandError when the list is none, or no broker answers
 */
export async function externalKafka(addresses: string): Promise<string[]> {
  const brokers = addresses.split(',').map((part) => part.trim());
  const parsed = brokers.map((broker) => {
    const match = /^(.+):(\d{1,5})$/.exec(broker);
    if (match?.[1] === undefined) {
      throw new CommandError(`'${broker}' is not the address of a broker`, 'write it as host:port');
    }
    return { host: match[1], port: Number(match[2]) };
  });
  const answers = await Promise.all(parsed.map(({ host, port }) => kafkaProbe(host, port)()));
  if (answers.includes(true)) return brokers;
  throw new CommandError(
    `no Kafka broker answers at ${addresses}`,
    'start it or mend the address given with --kafka (or KAFKA_BROKERS), or leave it out to get an embedded one',
  );
}
