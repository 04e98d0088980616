export { DiscoveryModule } from './discovery.module.js';
export { discoverySchema, type DiscoverySettings } from './discovery.options.js';
export { NoInstanceError, RegistryUnavailableError } from './discovery.errors.js';
export { baseUrl, type InstanceStatus, type ServiceInstance } from './registry/service-instance.js';
export {
  ServiceRegistry,
  type RegistryChange,
  type RegistryFreshness,
} from './registry/service-registry.js';
export { StaticServiceRegistry } from './static/static-service-registry.js';
export { EurekaClient, type EurekaClientOptions } from './eureka/eureka-client.js';
export {
  EurekaServiceRegistry,
  type EurekaServiceRegistryOptions,
} from './eureka/eureka-service-registry.js';
export type {
  InstanceAction,
  ListedInstance,
  Listing,
  Registrant,
} from './eureka/instance-json.js';
export type { Registrar } from './registration/registrar.js';
export {
  Registration,
  type RegistrationOptions,
  type RegistrationState,
} from './registration/registration.js';
export {
  LoadBalancer,
  type ChooseOptions,
  type Lease,
  type LeaseOutcome,
  type LoadBalancerSettings,
  type ServiceLoad,
} from './load-balancer/load-balancer.js';
export {
  leastLoaded,
  roundRobin,
  STRATEGIES,
  type Strategy,
  type StrategyName,
} from './load-balancer/strategy.js';
