import { isDeepStrictEqual } from 'node:util';
import type { RegistryChange } from './service-registry.js';
import type { ServiceInstance } from './service-instance.js';

const NONE: readonly ServiceInstance[] = Object.freeze([]);

/** The instances known now, by service, and who wants to know of changes. */
export class RegistryView {
  #byService: ReadonlyMap<string, readonly ServiceInstance[]> = new Map();
  readonly #listeners = new Set<(change: RegistryChange) => void>();

  instances(serviceId: string): readonly ServiceInstance[] {
    return this.#byService.get(serviceId) ?? this.#byService.get(serviceId.toLowerCase()) ?? NONE;
  }

  services(): readonly string[] {
    return [...this.#byService.keys()];
  }

  all(): ServiceInstance[] {
    return [...this.#byService.values()].flat();
  }

  onChange(listener: (change: RegistryChange) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Replaces all instances; listeners hear of the services that differ. */
  replace(instances: Iterable<ServiceInstance>): void {
    const next = new Map<string, ServiceInstance[]>();
    for (const instance of instances) {
      const list = next.get(instance.serviceId);
      if (list === undefined) next.set(instance.serviceId, [instance]);
      else list.push(instance);
    }
    // A stable order keeps round robin fair when the source lists instances in another order.
    for (const list of next.values()) {
      list.sort((a, b) => (a.instanceId < b.instanceId ? -1 : 1));
    }
    const previous = this.#byService;
    const names = new Set([...previous.keys(), ...next.keys()]);
    const services = [...names].filter(
      (name) => !isDeepStrictEqual(previous.get(name), next.get(name)),
    );
    if (services.length === 0) return;
    this.#byService = new Map([...next].sort(([a], [b]) => (a < b ? -1 : 1)));
    for (const listener of this.#listeners) listener({ services });
  }
}
