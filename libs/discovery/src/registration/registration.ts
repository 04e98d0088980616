import { backoffDelay, type Cancel, type Clock, type Random } from '@rookery/core';
import type { Registrant } from '../eureka/instance-json.js';
import type { ServiceInstance } from '../registry/service-instance.js';
import { advertisedHost } from './advertised-host.js';
import type { Registrar } from './registrar.js';

/** What a {@link Registration} is made of; times in milliseconds. */
export interface RegistrationOptions {
  /** Absent: this service does not register. */
  readonly registrar: Registrar | undefined;
  readonly serviceId: string;
  readonly instanceId: string;
  /** Override what {@link Registration.announce} says. */
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly secure: boolean;
  readonly metadata: Readonly<Record<string, string>>;
  readonly heartbeatMs: number;
  readonly leaseMs: number;
  readonly clock: Clock;
  readonly random: Random;
  /** Told when registering begins to fail (once), and when it works. */
  readonly report: (state: 'registered' | 'failed' | 'cancelled', error?: unknown) => void;
}

/** How the registration stands. */
export type RegistrationState = 'off' | 'waiting' | 'registered' | 'failing' | 'cancelled';

const BACKOFF = { initialMs: 500, maxMs: 15_000, spread: [0.5, 1.5] } as const;

/**
 * Keeps this instance in the registry: registers it once it listens, renews its lease, registers
 * again when the registry forgot it, and takes it out when the service stops.
 */
export class Registration {
  readonly #options: RegistrationOptions;
  #registrant: Registrant | undefined;
  #state: RegistrationState;
  #failures = 0;
  #cancelTimer: Cancel | undefined;
  /** The request under way: one at a time, so that no late heartbeat revives a cancelled instance. */
  #working: Promise<void> | undefined;
  #stopped = false;

  constructor(options: RegistrationOptions) {
    this.#options = options;
    this.#state = options.registrar === undefined ? 'off' : 'waiting';
  }

  get state(): RegistrationState {
    return this.#state;
  }

  /** What the registry is told; `undefined` before {@link announce}. */
  get instance(): ServiceInstance | undefined {
    return this.#registrant;
  }

  /** Says where this service listens. Call it before the registration starts. */
  announce(host: string, port: number): void {
    const { serviceId, instanceId, secure, metadata, heartbeatMs, leaseMs, clock } = this.#options;
    this.#registrant = {
      serviceId: serviceId.toLowerCase(),
      instanceId,
      host: this.#options.host ?? advertisedHost(host),
      port: this.#options.port ?? port,
      secure,
      metadata,
      status: 'UP',
      heartbeatMs,
      leaseMs,
      lastDirtyTimestamp: clock.now(),
      managementPath: '/manage',
    };
  }

  /** Registers. Resolves after the first try, whatever came of it: the rest goes on beside. */
  async start(): Promise<void> {
    if (this.#options.registrar === undefined || this.#stopped) return;
    if (this.#registrant === undefined) throw new Error('announce() has not been called');
    await this.#work();
  }

  /** Renews, or registers, now instead of at the next heartbeat. */
  async renewNow(): Promise<void> {
    if (this.#stopped || this.#registrant === undefined || this.#state === 'off') return;
    await (this.#working ?? this.#work());
  }

  /** Takes the instance out of the registry. Rejects when the registry could not be told. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelTimer?.();
    await this.#working;
    const { registrar, report } = this.#options;
    const wasRegistered = this.#state === 'registered' || this.#state === 'failing';
    if (this.#state !== 'off') this.#state = 'cancelled';
    if (!wasRegistered || registrar === undefined) return;
    await registrar.cancel(this.#registrant!);
    report('cancelled');
  }

  #work(): Promise<void> {
    this.#cancelTimer?.();
    this.#working = this.#renewOrRegister()
      .then(
        () => this.#succeeded(),
        (error: unknown) => this.#failed(error),
      )
      .finally(() => (this.#working = undefined));
    return this.#working;
  }

  async #renewOrRegister(): Promise<void> {
    const registrar = this.#options.registrar!;
    const known = this.#state === 'registered' || this.#state === 'failing';
    if (known && (await registrar.renew(this.#registrant!))) return;
    // The time tells servers that this description replaces the one they may still have.
    const now = this.#options.clock.now();
    const lastDirtyTimestamp = known
      ? Math.max(now, this.#registrant!.lastDirtyTimestamp + 1)
      : this.#registrant!.lastDirtyTimestamp;
    this.#registrant = { ...this.#registrant!, lastDirtyTimestamp };
    await registrar.register(this.#registrant);
  }

  #succeeded(): void {
    const { report, heartbeatMs } = this.#options;
    if (this.#state !== 'registered') report('registered');
    this.#state = 'registered';
    this.#failures = 0;
    this.#schedule(heartbeatMs);
  }

  #failed(error: unknown): void {
    const { report, heartbeatMs, random } = this.#options;
    if (this.#failures++ === 0) report('failed', error);
    if (this.#state === 'registered') this.#state = 'failing';
    // Sooner than the next heartbeat: the lease runs.
    this.#schedule(Math.min(heartbeatMs, backoffDelay(this.#failures, BACKOFF, random)));
  }

  #schedule(delayMs: number): void {
    if (this.#stopped) return;
    this.#cancelTimer = this.#options.clock.after(delayMs, () => void this.#work());
  }
}
