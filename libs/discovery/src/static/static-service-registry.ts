import { RegistryView } from '../registry/registry-view.js';
import type { ServiceInstance } from '../registry/service-instance.js';
import {
  ServiceRegistry,
  type RegistryChange,
  type RegistryFreshness,
} from '../registry/service-registry.js';

/** Instances that configuration lists: no registry, always up. */
export class StaticServiceRegistry extends ServiceRegistry {
  readonly #view = new RegistryView();

  /** @param addresses `http://host:port` by service id */
  constructor(addresses: Readonly<Record<string, readonly string[]>> = {}) {
    super();
    this.replace(addresses);
  }

  /** Takes other instances over. */
  replace(addresses: Readonly<Record<string, readonly string[]>>): void {
    this.#view.replace(
      Object.entries(addresses).flatMap(([serviceId, urls]) =>
        urls.map((url) => instanceAt(serviceId, url)),
      ),
    );
  }

  instances(serviceId: string): readonly ServiceInstance[] {
    return this.#view.instances(serviceId);
  }

  services(): readonly string[] {
    return this.#view.services();
  }

  async refresh(): Promise<void> {}

  onChange(listener: (change: RegistryChange) => void): () => void {
    return this.#view.onChange(listener);
  }

  get freshness(): RegistryFreshness {
    return { state: 'fresh', confirmedAt: undefined };
  }
}

function instanceAt(service: string, address: string): ServiceInstance {
  const url = new URL(address);
  const secure = url.protocol === 'https:';
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = url.port === '' ? (secure ? 443 : 80) : Number(url.port);
  const serviceId = service.toLowerCase();
  return {
    serviceId,
    instanceId: `${serviceId}:${host}:${port}`,
    host,
    port,
    secure,
    metadata: {},
    status: 'UP',
  };
}
