import type { IncomingRecord } from '@rookery/kafka';
import type { MessageContract } from '../contract/contract.js';
import { typeOf } from '../envelope/envelope.js';
import type { ConsumerHandler } from './consumer-handler.js';
import { Delivery } from './delivery.js';
import { tombstoneReader } from './record-reader.js';
import { Slots } from './slots.js';

/** A record on its way to one handler. */
export interface Routed {
  readonly handler: ConsumerHandler;
  readonly slots: Slots;
  readonly delivery: Delivery;
}

/** Where a record goes: to handlers, to nobody, or to the dead letters. */
export type Destination =
  | { readonly routed: readonly Routed[] }
  | { readonly skipped: 'unknown-type' | 'tombstone' }
  | { readonly unreadable: Delivery };

type Route = Omit<Routed, 'delivery'>;

const NONE: readonly Route[] = [];

/** Which handlers of a group take which records. */
export class RouteTable {
  /** By topic and type. */
  readonly #routes = new Map<string, Route[]>();
  /** By topic: those that take every record of it. */
  readonly #readers = new Map<string, Route[]>();
  /** By topic: those that take the ends of keys. */
  readonly #tombstones = new Map<string, Route[]>();
  /** By topic and type: what is not taken from a topic is a mistake there. */
  readonly #contracts = new Map<string, MessageContract>();
  /** Topics whose every message is meant for us. */
  readonly #addressed = new Set<string>();

  constructor(
    handlers: readonly ConsumerHandler[],
    slots: Slots,
    private readonly unknownType: 'dead-letter' | 'ignore',
  ) {
    for (const handler of handlers) {
      const route = { handler, slots: new Slots(handler.concurrency, slots) };
      for (const topic of handler.topics) this.#add(route, topic);
    }
  }

  destinationOf(record: IncomingRecord): Destination {
    const { topic } = record;
    const type = typeOf(record);
    const readers = this.#readers.get(topic) ?? NONE;
    if (record.value === null && this.#mayEnd(topic, type)) {
      const routed = [...this.#endsOf(record, type), ...whole(readers, record)];
      return routed.length === 0 ? { skipped: 'tombstone' } : { routed };
    }
    const routes = type === undefined ? undefined : this.#routes.get(routeKey(topic, type));
    const delivery = new Delivery(record, (name) => this.#contracts.get(routeKey(topic, name)));
    if (routes !== undefined || readers.length > 0) {
      const typed = (routes ?? []).map(({ handler, slots }) => ({ handler, slots, delivery }));
      return { routed: readers.length === 0 ? typed : [...typed, ...whole(readers, record)] };
    }
    return this.#skips(topic, type) ? { skipped: 'unknown-type' } : { unreadable: delivery };
  }

  #add(route: Route, topic: string): void {
    const { contracts, read, tombstones } = route.handler;
    if (read !== undefined) push(this.#readers, topic, route);
    if (tombstones) {
      push(this.#tombstones, topic, route);
      return;
    }
    for (const [type, contract] of contracts) {
      const key = routeKey(topic, type);
      push(this.#routes, key, route);
      this.#contracts.set(key, contract);
      if (contract.kind !== 'event') this.#addressed.add(topic);
    }
  }

  /** Whether a record without a value ends a key. A command or a reply without one is broken. */
  #mayEnd(topic: string, type: string | undefined): boolean {
    if (!this.#addressed.has(topic)) return true;
    return type !== undefined && this.#contracts.get(routeKey(topic, type))?.kind === 'event';
  }

  /** Tools that compact topics write no headers: without a type, a key ends for all events. */
  #endsOf(record: IncomingRecord, type: string | undefined): Routed[] {
    const routes = this.#tombstones.get(record.topic) ?? [];
    return routes.flatMap((route) => {
      const { contracts } = route.handler;
      const contract = type === undefined ? [...contracts.values()][0] : contracts.get(type);
      if (contract === undefined) return [];
      const delivery = new Delivery(record, () => contract, tombstoneReader(contract));
      return [{ ...route, delivery }];
    });
  }

  /** Events are for whoever cares. A command or a reply that nobody takes is a mistake. */
  #skips(topic: string, type: string | undefined): boolean {
    if (type === undefined) return false;
    return this.unknownType === 'ignore' || !this.#addressed.has(topic);
  }
}

function whole(routes: readonly Route[], record: IncomingRecord): Routed[] {
  return routes.map((route) => ({
    ...route,
    delivery: new Delivery(record, () => undefined, route.handler.read),
  }));
}

function push<T>(map: Map<string, T[]>, key: string, value: T): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}

function routeKey(topic: string, type: string): string {
  return `${topic} ${type}`;
}
