import { Logger, Module, type DynamicModule, type OnModuleInit } from '@nestjs/common';
import { CLOCK, ConfigStore, ServiceInfo, type ConfigRef } from '@rookery/config';
import { HealthRegistry, Lifecycle, systemRandom, type Clock } from '@rookery/core';
import { Metrics } from '@rookery/observability';
import { discoveryHealth } from './discovery.health.js';
import { bindDiscoveryMetrics } from './discovery.metrics.js';
import { discoverySchema, timesOf, type DiscoverySettings } from './discovery.options.js';
import { EurekaClient } from './eureka/eureka-client.js';
import { EurekaServiceRegistry } from './eureka/eureka-service-registry.js';
import { LoadBalancer } from './load-balancer/load-balancer.js';
import { Registration } from './registration/registration.js';
import { ServiceRegistry } from './registry/service-registry.js';
import { StaticServiceRegistry } from './static/static-service-registry.js';

const SETTINGS = Symbol('rookery:discovery-settings');
const CLIENT = Symbol('rookery:eureka-client');

/**
 * Finds other services and makes this one found. Reads the namespace `discovery`: with a `url` it
 * uses an Eureka registry, else the fixed `instances`. Needs `ConfigModule` and
 * `ObservabilityModule`; {@link Registration.announce} has to be called once the service listens.
 */
@Module({})
export class DiscoveryModule implements OnModuleInit {
  constructor(
    private readonly registry: ServiceRegistry,
    registration: Registration,
    loadBalancer: LoadBalancer,
    metrics: Metrics,
    health: HealthRegistry,
    lifecycle: Lifecycle,
  ) {
    health.register(discoveryHealth(registry, registration));
    bindDiscoveryMetrics(registry, loadBalancer, metrics);
    if (registry instanceof EurekaServiceRegistry) {
      registry.onRestart(() => void registration.renewNow());
    }
    lifecycle.onStart('registration', 'discovery', () => registration.start());
    lifecycle.onStop('registration', 'discovery', () => registration.stop());
  }

  /** Provides {@link ServiceRegistry}, {@link LoadBalancer} and {@link Registration}, globally. */
  static forRoot(): DynamicModule {
    return {
      module: DiscoveryModule,
      global: true,
      providers: [
        {
          provide: SETTINGS,
          inject: [ConfigStore],
          useFactory: (store: ConfigStore) => store.ref('discovery', discoverySchema),
        },
        { provide: CLIENT, inject: [SETTINGS, Lifecycle], useFactory: clientFor },
        {
          provide: ServiceRegistry,
          inject: [SETTINGS, CLIENT, ServiceInfo, CLOCK, Lifecycle],
          useFactory: registryFor,
        },
        {
          provide: LoadBalancer,
          inject: [ServiceRegistry, SETTINGS, CLOCK, Lifecycle],
          useFactory: loadBalancerFor,
        },
        {
          provide: Registration,
          inject: [SETTINGS, CLIENT, ServiceInfo, CLOCK],
          useFactory: registrationFor,
        },
      ],
      exports: [ServiceRegistry, LoadBalancer, Registration],
    };
  }

  /** Waits for a first view, so that the first request finds whom it needs; an outage ends that. */
  async onModuleInit(): Promise<void> {
    if (this.registry instanceof EurekaServiceRegistry) await this.registry.start();
  }
}

type Settings = ConfigRef<DiscoverySettings>;

function clientFor(settings: Settings, lifecycle: Lifecycle): EurekaClient | undefined {
  const { url, timeout } = settings.value;
  if (url === undefined) return undefined;
  const client = new EurekaClient({ urls: url, timeoutMs: timeout });
  lifecycle.onStop('pools', 'eureka client', () => client.close());
  return client;
}

function registryFor(
  settings: Settings,
  client: EurekaClient | undefined,
  service: ServiceInfo,
  clock: Clock,
  lifecycle: Lifecycle,
): ServiceRegistry {
  if (client === undefined) {
    const registry = new StaticServiceRegistry(settings.value.instances);
    settings.onChange(({ instances }) => registry.replace(instances ?? {}));
    return registry;
  }
  const times = timesOf(settings.value, service.profile === 'development');
  const logger = new Logger('Discovery');
  const registry = new EurekaServiceRegistry({
    client,
    clock,
    random: systemRandom,
    fetchIntervalMs: times.fetchIntervalMs,
    push: settings.value.push,
    graceMs: times.leaseMs,
    report: (state, error) => {
      if (state === 'found') logger.log('the service registry answers again');
      else logger.warn(`${error?.message}; the last known instances are used until it answers`);
    },
  });
  lifecycle.onStop('pools', 'service registry', () => registry.close());
  return registry;
}

function loadBalancerFor(
  registry: ServiceRegistry,
  settings: Settings,
  clock: Clock,
  lifecycle: Lifecycle,
): LoadBalancer {
  const loadBalancer = new LoadBalancer(registry, {
    settings: () => settings.value.loadBalancer,
    clock,
  });
  lifecycle.onStop('pools', 'load balancer', () => loadBalancer.close());
  return loadBalancer;
}

function registrationFor(
  settings: Settings,
  client: EurekaClient | undefined,
  service: ServiceInfo,
  clock: Clock,
): Registration {
  const { register, instance } = settings.value;
  const logger = new Logger('Discovery');
  return new Registration({
    registrar: register ? client : undefined,
    serviceId: service.name,
    instanceId: service.instance,
    host: instance.host,
    port: instance.port,
    secure: instance.secure,
    metadata: { version: service.version, profile: service.profile, ...instance.metadata },
    ...timesOf(settings.value, service.profile === 'development'),
    clock,
    random: systemRandom,
    report: (state, error) => {
      if (state === 'registered') logger.log(`registered as ${service.instance}`);
      else if (state === 'cancelled') logger.log('taken out of the service registry');
      else logger.warn(`${(error as Error).message}; this instance is not registered for now`);
    },
  });
}
