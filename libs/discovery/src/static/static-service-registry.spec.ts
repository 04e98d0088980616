import { describe, expect, it } from 'vitest';
import { serviceRegistryConformance } from '../testing/conformance.js';
import { baseUrl } from '../registry/service-instance.js';
import { StaticServiceRegistry } from './static-service-registry.js';

serviceRegistryConformance('StaticServiceRegistry', async () => {
  const registry = new StaticServiceRegistry();
  return {
    registry,
    set: (services) =>
      registry.replace(
        Object.fromEntries(
          Object.entries(services).map(([id, ports]) => [
            id,
            ports.map((port) => `http://127.0.0.1:${port}`),
          ]),
        ),
      ),
    close: () => {},
  };
});

describe('StaticServiceRegistry', () => {
  it('reads addresses with and without ports, in TLS and IPv6', () => {
    const registry = new StaticServiceRegistry({
      a: ['http://a.example', 'https://a.example', 'http://[::1]:9000'],
    });
    expect(registry.instances('a').map(baseUrl).sort()).toEqual([
      'http://[::1]:9000',
      'http://a.example:80',
      'https://a.example:443',
    ]);
  });
});
