import type { InstanceSource } from './fleet.js';
import type { Target } from './instance-client.js';

/** What is needed of a registry. */
interface Registry {
  services(): readonly string[];
  instances(service: string): readonly Target[];
}

/** All instances that can be asked: the registered ones, and those that start before the registry. */
export class KnownInstances implements InstanceSource {
  /** @param infrastructure addresses of what registers nowhere, by service */
  constructor(
    private readonly registry: Registry,
    private readonly infrastructure: ReadonlyMap<string, URL>,
  ) {}

  services(): readonly string[] {
    return [...new Set([...this.registry.services(), ...this.infrastructure.keys()])];
  }

  instances(service: string): readonly Target[] {
    const registered = this.registry.instances(service);
    const url = this.infrastructure.get(service);
    if (registered.length > 0 || url === undefined) return registered;
    const secure = url.protocol === 'https:';
    const port = url.port === '' ? (secure ? 443 : 80) : Number(url.port);
    return [{ instanceId: service, host: url.hostname, port, secure }];
  }
}
