import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NoInstanceError } from '../discovery.errors.js';
import { LoadBalancer } from '../load-balancer/load-balancer.js';
import type { ServiceRegistry } from '../registry/service-registry.js';

/** An adapter together with the means to change what it finds. */
export interface RegistryUnderTest {
  readonly registry: ServiceRegistry;
  /** Makes exactly these ports of 127.0.0.1 the instances of each service. */
  set(services: Readonly<Record<string, readonly number[]>>): void | Promise<void>;
  close(): void | Promise<void>;
}

/** What every adapter of the `ServiceRegistry` port has to do. */
export function serviceRegistryConformance(
  name: string,
  create: () => Promise<RegistryUnderTest>,
): void {
  describe(`${name} as a service registry`, () => {
    let subject: RegistryUnderTest;
    let registry: ServiceRegistry;
    beforeAll(async () => {
      subject = await create();
      registry = subject.registry;
    });
    afterAll(() => subject.close());

    const become = async (services: Record<string, readonly number[]>): Promise<void> => {
      await subject.set(services);
      await registry.refresh();
    };
    const ports = (id: string): number[] => registry.instances(id).map(({ port }) => port);

    it('lists instances by service, whatever the case of the id', async () => {
      await become({ orders: [8081, 8082], inventory: [8090] });
      expect([...registry.services()].sort()).toEqual(['inventory', 'orders']);
      expect(ports('orders').sort()).toEqual([8081, 8082]);
      expect(ports('Inventory')).toEqual([8090]);
      expect(registry.instances('orders')[0]).toMatchObject({
        serviceId: 'orders',
        host: '127.0.0.1',
        secure: false,
        status: 'UP',
      });
    });

    it('gives every instance an id of its own, and keeps their order', async () => {
      await become({ orders: [8083, 8081, 8082], inventory: [8081] });
      const ids = [...registry.instances('orders'), ...registry.instances('inventory')].map(
        ({ instanceId }) => instanceId,
      );
      expect(new Set(ids).size).toBe(4);
      const before = ports('orders');
      await registry.refresh();
      expect(ports('orders')).toEqual(before);
    });

    it('knows nothing of a service that has no instances', async () => {
      await become({ orders: [8081] });
      expect(registry.instances('nobody')).toEqual([]);
      expect(registry.services()).toEqual(['orders']);
      expect(() => new LoadBalancer(registry).choose('nobody')).toThrow(NoInstanceError);
    });

    it('tells which services changed, and only when they did', async () => {
      await become({ orders: [8081], inventory: [8090] });
      const changes: string[][] = [];
      const stop = registry.onChange(({ services }) => changes.push([...services].sort()));
      await become({ orders: [8081], inventory: [8090] });
      expect(changes).toEqual([]);
      await become({ orders: [8081, 8082], inventory: [8090] });
      expect(changes).toEqual([['orders']]);
      await become({ orders: [8081, 8082] });
      expect(changes).toEqual([['orders'], ['inventory']]);
      stop();
      await become({});
      expect(changes).toHaveLength(2);
    });

    it('is fresh', () => {
      expect(registry.freshness.state).toBe('fresh');
    });
  });
}
