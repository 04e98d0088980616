// `npm run test:soak -- --minutes 5 --seed 7 --json`: what else is given goes to vitest.
import { runSuite } from '../setup/run-suite.mjs';

runSuite({
  config: 'vitest.soak.config.ts',
  prefix: 'SOAK',
  options: { minutes: '1' },
  summary(report) {
    const { seed, seconds, rounds, audit, instances } = report;
    const count = ({ lost, doubled, inverted }) => [lost, doubled, inverted];
    const [lost, doubled, inverted] = count(audit.stock).map((n, i) => n + count(audit.money)[i]);
    const heap = report.heap.map((bytes) => (bytes / 1e6).toFixed(1));
    return [
      '',
      `${audit.orders} orders in ${rounds} rounds, ${seconds} s, seed ${seed}`,
      `broker kills ${report.brokerKills}, rebalances ${report.rebalances}, ` +
        `lost answers ${report.lostAnswers}, repeated ${report.repeated}`,
      `instances: ${instances.kafkajs} kafkajs, ${instances.platformatic} platformatic`,
      `lost ${lost}, doubled ${doubled}, inverted ${inverted}; ` +
        `stock off by ${audit.stockOff}, money off by ${audit.moneyOff + audit.paidOff}`,
      `poison ${audit.poison.length + report.unreadable.length}, ` +
        `dead letters ${report.deadLetters.length}`,
      `other keys keep ${(report.kept * 100).toFixed(0)} % of clean throughput ` +
        `(median of ${report.pairs.length} pairs)`,
      `heap after collection, MB: ${heap.join(' ')}`,
      '',
    ].join('\n');
  },
});
