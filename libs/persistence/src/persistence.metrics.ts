import type { Metrics } from '@rookery/observability';
import type pg from 'pg';

/** Measures a pool at each scrape. */
export function poolMetrics(metrics: Metrics, pool: pg.Pool): void {
  metrics.gauge({
    name: 'rookery_db_connections',
    help: 'Database connections of this instance, by what they do',
    labels: ['state'],
    collect: (gauge) => {
      gauge.set({ state: 'active' }, pool.totalCount - pool.idleCount);
      gauge.set({ state: 'idle' }, pool.idleCount);
    },
  });
  metrics.gauge({
    name: 'rookery_db_connections_max',
    help: 'Database connections that this instance may open',
    collect: (gauge) => gauge.set(pool.options.max),
  });
  metrics.gauge({
    name: 'rookery_db_pending',
    help: 'Calls that wait for a database connection',
    collect: (gauge) => gauge.set(pool.waitingCount),
  });
}
