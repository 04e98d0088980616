import { computed, signal } from '@preact/signals';
import type { ServiceView } from '../src/fleet/fleet.js';
import type { SagaCountView, SagaView } from '../src/sagas/saga-view.js';

type Change = readonly [key: string, value: unknown];

/** Whether the page hears what happens. */
export const connection = signal<'connecting' | 'live' | 'lost'>('connecting');

/** What the server tells, by key. */
const values = signal<ReadonlyMap<string, unknown>>(new Map());

/** The time, once a second: for ages and durations that grow. */
export const now = signal(Date.now());

function valuesBelow<T>(prefix: string): T[] {
  return [...values.value].flatMap(([key, value]) => (key.startsWith(prefix) ? [value as T] : []));
}

export const services = computed(() =>
  valuesBelow<ServiceView>('service:').sort((a, b) => (a.name < b.name ? -1 : 1)),
);

export const sagas = computed(() =>
  valuesBelow<SagaView>('saga:').sort((a, b) => b.startedAt - a.startedAt),
);

/** How many sagas are kept in a state, of all services; more than the newest ones that are shown. */
export function sagasIn(state: string): number {
  const counts = (values.value.get('counts') ?? []) as readonly SagaCountView[];
  return counts.reduce((sum, each) => sum + (each.state === state ? each.count : 0), 0);
}

/** Why there may be sagas that are not shown. */
export const problems = computed(
  () =>
    (values.value.get('problems') ?? []) as readonly {
      readonly service: string;
      readonly problem: string;
    }[],
);

/** Whether the first answer is still to come. */
export const isEmpty = computed(() => values.value.size === 0);

/**
 * Begins to listen. The browser reconnects by itself and says where it was, so that the server sends
 * what was missed; a server that was restarted sends all of it.
 */
export function listen(): void {
  const source = new EventSource('api/stream');
  source.addEventListener('open', () => (connection.value = 'live'));
  source.addEventListener('error', () => {
    connection.value = 'lost';
    // A browser gives up after an answer that is no stream; the server may only be starting.
    if (source.readyState === EventSource.CLOSED) window.setTimeout(listen, 2_000);
  });
  source.addEventListener('snapshot', (event) => apply(new Map(), event));
  source.addEventListener('changes', (event) => apply(new Map(values.value), event));
}

function apply(base: Map<string, unknown>, event: MessageEvent<string>): void {
  for (const [key, value] of JSON.parse(event.data) as Change[]) {
    if (value === null) base.delete(key);
    else base.set(key, value);
  }
  values.value = base;
}

window.setInterval(() => (now.value = Date.now()), 1_000);
