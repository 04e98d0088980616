import { coordinated } from '../cluster/coordinated-route.js';
import type { SlowDisk } from '../fault/slow-disk.js';
import { groupAdminRoutes } from '../group/group-admin.handler.js';
import { membershipRoutes } from '../group/membership.handler.js';
import { offsetRoutes } from '../group/offsets.handler.js';
import { fetchRoutes } from '../log/fetch.handler.js';
import { produceRoutes } from '../log/produce.handler.js';
import { saslRoutes } from '../sasl/sasl.handler.js';
import { configRoutes } from '../topic/config.handler.js';
import { topicAdminRoutes } from '../topic/topic-admin.handler.js';
import { transactionRoutes } from '../transaction/transaction.handler.js';
import type { Broker } from './broker.js';
import { clusterRoutes } from './cluster.handler.js';
import type { Route } from './route.js';

/** Everything the broker serves. */
export function allRoutes(broker: Broker, log: (line: string) => void, disk?: SlowDisk): Route[] {
  const routes: Route[] = [
    ...produceRoutes(broker, log),
    ...fetchRoutes(broker),
    ...membershipRoutes(broker),
    ...offsetRoutes(broker, log),
    ...transactionRoutes(broker, log),
    ...groupAdminRoutes(broker),
    ...topicAdminRoutes(broker),
    ...configRoutes(broker),
    ...saslRoutes(),
    ...clusterRoutes(broker, () => routes),
  ]
    .map((route) => disk?.under(route) ?? route)
    .map((route) => coordinated(route, broker.cluster));
  return routes;
}
