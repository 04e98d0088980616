/** The services of the test: `orders` asks `inventory` for stock and hears its answer. */
export type Role = 'orders' | 'inventory';

/** A point at which a process is killed. */
export interface KillPoint {
  /** Where the process is, as `<part>:<moment>`. */
  readonly id: string;
  /** Services that pass it; the seed chooses one. */
  readonly roles: readonly Role[];
  /** Whether some orders are to fail at first, so that their products are parked and replayed. */
  readonly parks?: boolean;
}

const BOTH = ['orders', 'inventory'] as const;

/**
 * All points. To add one, name it here and call `reached` with its name where a process passes it:
 * whatever is in this table is run.
 */
export const KILL_POINTS = [
  { id: 'business-write:before', roles: BOTH },
  { id: 'business-write:after', roles: BOTH },
  { id: 'outbox-insert:before', roles: BOTH },
  { id: 'outbox-insert:after', roles: BOTH },
  { id: 'commit:before-reply', roles: BOTH },
  { id: 'relay:after-lease', roles: BOTH },
  { id: 'relay:after-read', roles: BOTH },
  { id: 'relay:after-send-before-ack', roles: BOTH },
  { id: 'relay:after-ack-before-delete', roles: BOTH },
  { id: 'relay:mid-delete', roles: BOTH },
  { id: 'consumer:after-fetch', roles: BOTH },
  { id: 'consumer:after-inbox-insert', roles: BOTH },
  { id: 'consumer:after-handler-before-commit', roles: BOTH },
  { id: 'consumer:after-commit-before-offset-commit', roles: BOTH },
  { id: 'park:before-commit', roles: ['inventory'], parks: true },
  { id: 'park:after-commit', roles: ['inventory'], parks: true },
  { id: 'replay:before-commit', roles: ['inventory'], parks: true },
  { id: 'replay:after-commit', roles: ['inventory'], parks: true },
] as const satisfies readonly KillPoint[];

/** Name of a point. */
export type KillPointId = (typeof KILL_POINTS)[number]['id'];
