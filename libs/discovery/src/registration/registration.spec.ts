import { seededRandom, settle, VirtualClock } from '@rookery/core/testing';
import { describe, expect, it } from 'vitest';
import { RegistryUnavailableError } from '../discovery.errors.js';
import type { Registrant } from '../eureka/instance-json.js';
import { advertisedHost } from './advertised-host.js';
import type { Registrar } from './registrar.js';
import { Registration } from './registration.js';

/** A registry in memory whose answers a test decides. */
class MemoryRegistrar implements Registrar {
  readonly log: string[] = [];
  registered: Registrant | undefined;
  down = false;
  /** What the next heartbeat waits for. */
  gate: Promise<void> = Promise.resolve();

  async register(registrant: Registrant): Promise<void> {
    this.#meet('register');
    this.registered = registrant;
  }

  async renew(registrant: Registrant): Promise<boolean> {
    this.#meet('renew');
    await this.gate;
    return this.registered?.lastDirtyTimestamp === registrant.lastDirtyTimestamp;
  }

  async cancel(): Promise<void> {
    this.#meet('cancel');
    this.registered = undefined;
  }

  #meet(what: string): void {
    this.log.push(this.down ? `${what} failed` : what);
    if (this.down) throw new RegistryUnavailableError('is away');
  }
}

function setup(change: object = {}) {
  const clock = new VirtualClock();
  const registrar = new MemoryRegistrar();
  const reports: string[] = [];
  const registration = new Registration({
    registrar,
    serviceId: 'orders',
    instanceId: 'orders-1',
    secure: false,
    metadata: {},
    heartbeatMs: 5_000,
    leaseMs: 15_000,
    clock,
    random: seededRandom(1),
    report: (state) => reports.push(state),
    ...change,
  });
  return { clock, registrar, registration, reports };
}

describe('registration', () => {
  it('registers where the service listens, and renews', async () => {
    const { clock, registrar, registration, reports } = setup();
    registration.announce('127.0.0.1', 8081);
    await registration.start();
    expect(registration.state).toBe('registered');
    expect(registrar.registered).toMatchObject({ host: '127.0.0.1', port: 8081, status: 'UP' });
    await clock.advance(15_000);
    expect(registrar.log).toEqual(['register', 'renew', 'renew', 'renew']);
    expect(reports).toEqual(['registered']);
  });

  it('says what configuration says instead', async () => {
    const { registrar, registration } = setup({ host: 'orders.example', port: 80, secure: true });
    registration.announce('0.0.0.0', 8081);
    await registration.start();
    expect(registrar.registered).toMatchObject({ host: 'orders.example', port: 80, secure: true });
  });

  it('registers again, with a newer time, when it was forgotten', async () => {
    const { clock, registrar, registration } = setup();
    registration.announce('127.0.0.1', 8081);
    await registration.start();
    const before = registrar.registered!.lastDirtyTimestamp;
    registrar.registered = undefined;
    await clock.advance(5_000);
    expect(registrar.log).toEqual(['register', 'renew', 'register']);
    expect(registrar.registered!.lastDirtyTimestamp).toBeGreaterThan(before);
  });

  it('does not wait for a registry that is away, and comes in as soon as it is back', async () => {
    const { clock, registrar, registration, reports } = setup();
    registrar.down = true;
    registration.announce('127.0.0.1', 8081);
    await registration.start();
    expect(registration.state).toBe('waiting');
    await clock.advance(60_000);
    expect(registrar.log.length).toBeLessThan(25);
    registrar.down = false;
    await clock.advance(5_000);
    expect(registration.state).toBe('registered');
    expect(reports).toEqual(['failed', 'registered']);
  });

  it('renews sooner than usual after a heartbeat that failed', async () => {
    const { clock, registrar, registration, reports } = setup();
    registration.announce('127.0.0.1', 8081);
    await registration.start();
    registrar.down = true;
    await clock.advance(5_000);
    expect(registration.state).toBe('failing');
    registrar.down = false;
    await clock.advance(1_000);
    expect(registrar.log).toEqual(['register', 'renew failed', 'renew']);
    expect(reports).toEqual(['registered', 'failed', 'registered']);
  });

  it('renews at once when asked to', async () => {
    const { registrar, registration } = setup();
    registration.announce('127.0.0.1', 8081);
    await registration.start();
    await registration.renewNow();
    expect(registrar.log).toEqual(['register', 'renew']);
  });

  it('leaves when the service stops, after a heartbeat that is under way', async () => {
    const { clock, registrar, registration, reports } = setup();
    registration.announce('127.0.0.1', 8081);
    await registration.start();
    let answer!: () => void;
    registrar.gate = new Promise((resolve) => (answer = resolve));
    await clock.advance(5_000);
    registrar.registered = undefined;
    const stopped = registration.stop();
    await settle();
    expect(registrar.log).toEqual(['register', 'renew']);
    answer();
    await stopped;
    expect(registrar.log).toEqual(['register', 'renew', 'register', 'cancel']);
    await clock.advance(60_000);
    expect(registrar.log.at(-1)).toBe('cancel');
    expect(registration.state).toBe('cancelled');
    expect(reports.at(-1)).toBe('cancelled');
    expect(clock.pending).toBe(0);
  });

  it('has nothing to leave when it never came in', async () => {
    const { registrar, registration } = setup();
    registrar.down = true;
    registration.announce('127.0.0.1', 8081);
    await registration.start();
    await registration.stop();
    expect(registrar.log).toEqual(['register failed']);
  });

  it('is off without a registrar', async () => {
    const { registration } = setup({ registrar: undefined });
    registration.announce('127.0.0.1', 8081);
    await registration.start();
    await registration.stop();
    expect(registration.state).toBe('off');
  });

  it('has to know where the service listens', async () => {
    await expect(setup().registration.start()).rejects.toThrow('announce()');
  });
});

describe('advertisedHost', () => {
  const address = (text: string, family: 'IPv4' | 'IPv6', internal = false, scopeid = 0) =>
    ({ address: text, family, internal, scopeid, netmask: '', mac: '', cidr: null }) as never;

  it('is the address the service listens on, if that is one', () => {
    expect(advertisedHost('127.0.0.1')).toBe('127.0.0.1');
    expect(advertisedHost('[::1]')).toBe('::1');
  });

  it('is the first outside address when it listens on all', () => {
    const interfaces = {
      lo: [address('127.0.0.1', 'IPv4', true)],
      eth0: [
        address('fe80::1', 'IPv6', false, 2),
        address('2001:db8::5', 'IPv6'),
        address('10.0.0.5', 'IPv4'),
      ],
    };
    expect(advertisedHost('0.0.0.0', interfaces)).toBe('10.0.0.5');
    expect(advertisedHost('::', { lo: interfaces.lo })).toBe('127.0.0.1');
  });
});
