import type { Metrics } from '../metrics/metrics.js';
import type { ZipkinReporter } from './zipkin-reporter.js';

/** Says how the sending of spans goes, under the names of Zipkin's own reporters. */
export function reporterMetrics(metrics: Metrics, reporter: ZipkinReporter): void {
  metrics.gauge({
    name: 'zipkin_reporter_spans',
    help: 'Spans sent to Zipkin or dropped, since the start',
    labels: ['result'],
    collect: (gauge) => {
      const { sent, dropped } = reporter.totals;
      gauge.set({ result: 'sent' }, sent);
      gauge.set({ result: 'dropped' }, dropped);
    },
  });
  metrics.gauge({
    name: 'zipkin_reporter_failures',
    help: 'Posts of spans that failed, since the start',
    collect: (gauge) => gauge.set(reporter.totals.failures),
  });
  metrics.gauge({
    name: 'zipkin_reporter_queue_spans',
    help: 'Spans waiting to be sent',
    collect: (gauge) => gauge.set(reporter.queued),
  });
}
