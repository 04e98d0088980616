import type { Gauge, Metrics } from '@rookery/observability';
import type { LoadBalancer } from './load-balancer/load-balancer.js';
import type { ServiceRegistry } from './registry/service-registry.js';

/**
 * Exposes the load balancer under Spring Cloud LoadBalancer's metric names, and the size of the
 * view. Values are read when scraped; running totals are therefore typed as gauges.
 */
export function bindDiscoveryMetrics(
  registry: ServiceRegistry,
  loadBalancer: LoadBalancer,
  metrics: Metrics,
): void {
  const labels = ['serviceId'];
  const gauge = (name: string, help: string, collect: (gauge: Gauge) => void): void =>
    void metrics.gauge({ name, help, labels, collect });
  for (const [name, help, field] of [
    ['loadbalancer_requests_active', 'Calls that run', 'active'],
    ['loadbalancer_requests_success_total', 'Calls that succeeded', 'success'],
    ['loadbalancer_requests_failed_total', 'Calls that failed', 'failure'],
    ['loadbalancer_requests_unreachable_total', 'Calls that got no connection', 'unreachable'],
    ['loadbalancer_requests_discard_total', 'Calls that found no instance', 'discard'],
  ] as const) {
    gauge(name, help, (each) => {
      for (const load of loadBalancer.loads()) each.set({ serviceId: load.serviceId }, load[field]);
    });
  }
  gauge('rookery_discovery_instances', 'Instances that are up in this view', (each) => {
    each.reset();
    for (const serviceId of registry.services()) {
      const up = registry.instances(serviceId).filter(({ status }) => status === 'UP');
      each.set({ serviceId }, up.length);
    }
  });
}
