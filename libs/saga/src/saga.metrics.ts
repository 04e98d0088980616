import type { Clock } from '@rookery/core';
import type { Metrics } from '@rookery/observability';
import type { SagaListener } from './engine/saga-engine.js';
import type { SagaStore } from './engine/saga-ports.js';

/** Counting all rows is not for every scrape of every server. */
const COUNT_EVERY_MS = 5_000;

/** Measures sagas: how many there are by state, and how long steps take. */
export function sagaMetrics(metrics: Metrics, store: SagaStore, clock: Clock): SagaListener {
  let countedAt = -Infinity;
  metrics.gauge({
    name: 'rookery_saga_instances',
    help: 'Sagas of this service that are kept, by state',
    labels: ['saga', 'state'],
    collect: async (gauge) => {
      if (clock.monotonic() - countedAt < COUNT_EVERY_MS) return;
      countedAt = clock.monotonic();
      const counts = await store.counts();
      gauge.reset();
      for (const { saga, status, count } of counts) gauge.set({ saga, state: status }, count);
    },
  });
  const transitions = metrics.counter({
    name: 'rookery_saga_transitions_total',
    help: 'Sagas that began, turned round or ended',
    labels: ['saga', 'state'],
  });
  const steps = metrics.histogram({
    name: 'rookery_saga_step_seconds',
    help: 'Time from the first try of a step, or of its compensation, to its end',
    labels: ['saga', 'step', 'outcome'],
  });
  const ignored = metrics.counter({
    name: 'rookery_saga_ignored_replies_total',
    help: 'Replies that changed nothing',
    labels: ['reason'],
  });
  return {
    transition: ({ saga, status }) => transitions.inc({ saga, state: status }),
    step: ({ saga, step, status, durationMs }) =>
      steps.observe({ saga, step, outcome: status }, durationMs / 1_000),
    ignored: ({ reason }) => ignored.inc({ reason }),
  };
}
