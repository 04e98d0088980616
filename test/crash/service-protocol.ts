import type { KillPointId, Role } from './kill-points.js';

/** How a service is broken on purpose. */
export type Broken = 'cursor' | 'no-inbox';

/** The Kafka client that a service uses. */
export type DriverName = 'kafkajs' | 'platformatic';

/** What a service process is started with. */
export interface ServiceSettings {
  /** Of the shop it belongs to. */
  readonly name: string;
  readonly role: Role;
  readonly driver: DriverName;
  readonly brokers: readonly string[];
  readonly databaseUrl: string;
  /** File in which it notes where it dies. */
  readonly evidence: string;
  readonly broken?: Broken | undefined;
}

/** An order, the `seq`-th of its product. */
export interface Order {
  readonly id: string;
  readonly sku: string;
  readonly seq: number;
}

/** What a customer asks for. */
export interface Purchase {
  readonly id: string;
  readonly sku: string;
  /** How long the transaction stays open after its last write. */
  readonly thinkMs: number;
  /** Until when handlers fail with it, in milliseconds since the epoch. */
  readonly failsUntil: number;
}

/** What a service process is asked. */
export type Request =
  | { readonly kind: 'arm'; readonly point: KillPointId; readonly nth: number }
  | ({ readonly kind: 'place' } & Purchase)
  | { readonly kind: 'withheld' };

/** What a service process tells. */
export type Report =
  | { readonly kind: 'ready' | 'armed' | 'withhold' }
  | { readonly kind: 'placed'; readonly id: string }
  | { readonly kind: 'refused'; readonly id: string; readonly why: string }
  | { readonly kind: 'dead-letter'; readonly topic: string; readonly reason: string };
