import { systemRandom } from '@rookery/core';
import { EmbeddedKafka } from '@rookery/embedded-kafka';

// A broker that its parent kills and starts again on the same port and data.

/** What the broker is started with. */
export interface BrokerSettings {
  readonly dataDirectory: string;
  /** 0 for any. */
  readonly port: number;
}

/** Shares of requests that are carried out and never answered. */
export interface LostAnswers {
  readonly kind: 'lose-answers';
  readonly share: number;
}

const settings = JSON.parse(process.argv[2] ?? '{}') as BrokerSettings;
const kafka = await EmbeddedKafka.start({ ...settings, minSessionTimeout: '1s' });
let share = 0;
let lost = 0;
kafka.fault(({ api }) => {
  if ((api !== 'Produce' && api !== 'OffsetCommit') || systemRandom() >= share) return undefined;
  lost += 1;
  return { at: 'response', action: 'disconnect' };
});
process.on('message', (message: LostAnswers) => {
  share = message.share;
  process.send?.({ kind: 'lost', lost });
  lost = 0;
});
process.on('disconnect', () => process.exit());
process.send?.({ kind: 'ready', port: kafka.port });
