import type { Clock } from '@rookery/core';
import type { InstanceClient, Target } from './instance-client.js';

/** How something is, as the page shows it. */
export type Health = 'UP' | 'DEGRADED' | 'DOWN' | 'OUT_OF_SERVICE' | 'UNKNOWN';

/** A part of an instance. */
export interface ComponentView {
  readonly name: string;
  readonly status: Health;
  readonly details?: unknown;
}

/** An instance as the page shows it. */
export interface InstanceView {
  readonly id: string;
  readonly address: string;
  readonly status: Health;
  /** Why it is not up, in words. */
  readonly problem?: string;
  readonly version?: string;
  readonly startedAt?: string;
  readonly components: readonly ComponentView[];
}

/** A service as the page shows it. */
export interface ServiceView {
  readonly name: string;
  readonly status: Health;
  /** Whether it belongs to the platform rather than to the business. */
  readonly platform: boolean;
  readonly instances: readonly InstanceView[];
}

/** Where instances are found. */
export interface InstanceSource {
  services(): readonly string[];
  instances(service: string): readonly Target[];
}

const PLATFORM = new Set(['api-gateway', 'auth', 'config-server', 'console', 'discovery']);
/** Facts that do not change while an instance lives are asked for this seldom. */
const INFO_EVERY_MS = 30_000;
const MAX_REMEMBERED = 200;
const MAX_DETAILS = 2_048;
const STATUSES: readonly Health[] = ['UP', 'DEGRADED', 'DOWN', 'OUT_OF_SERVICE', 'UNKNOWN'];

interface Info {
  readonly version?: string;
  readonly startedAt?: string;
  readonly askedAt: number;
}

/** Looks at all instances of all services and says how they are. */
export class Fleet {
  readonly #lastSeen = new Map<string, number>();
  #infos = new Map<string, Info>();

  /** @param rememberMs how long a service stays in sight after its last instance has gone */
  constructor(
    private readonly source: InstanceSource,
    private readonly client: InstanceClient,
    private readonly clock: Clock,
    private readonly rememberMs: number,
  ) {}

  /** All services, by name, each instance asked now. */
  async look(signal?: AbortSignal): Promise<ServiceView[]> {
    const now = this.clock.now();
    for (const name of this.source.services()) this.#lastSeen.set(name, now);
    for (const [name, seen] of this.#lastSeen) {
      if (now - seen > this.rememberMs || this.#lastSeen.size > MAX_REMEMBERED) {
        if (seen !== now) this.#lastSeen.delete(name);
      }
    }
    const infos = new Map<string, Info>();
    const services = await Promise.all(
      [...this.#lastSeen.keys()].sort().map(async (name): Promise<ServiceView> => {
        const targets = this.source.instances(name);
        const instances = await Promise.all(
          targets.map((target) => this.#view(name, target, infos, signal)),
        );
        instances.sort((a, b) => a.id.localeCompare(b.id, 'en', { numeric: true }));
        const status = overall(instances.map((instance) => instance.status));
        return { name, status, platform: PLATFORM.has(name), instances };
      }),
    );
    this.#infos = infos;
    return services;
  }

  async #view(
    service: string,
    target: Target,
    infos: Map<string, Info>,
    signal: AbortSignal | undefined,
  ): Promise<InstanceView> {
    const address = `${target.host}:${target.port}`;
    const common = { id: target.instanceId, address };
    try {
      const [health, info] = await Promise.all([
        this.client.get(target, '/manage/health', { accept: [200, 503], signal }),
        this.#info(service, target, signal),
      ]);
      infos.set(`${service}/${target.instanceId}`, info);
      const { status, components } = parseHealth(health);
      const bad = components.filter((component) => component.status !== 'UP');
      return {
        ...common,
        status,
        ...(status === 'UP' ? {} : { problem: bad.map(({ name }) => name).join(', ') }),
        ...(info.version === undefined ? {} : { version: info.version }),
        ...(info.startedAt === undefined ? {} : { startedAt: info.startedAt }),
        components,
      };
    } catch (error) {
      return { ...common, status: 'DOWN', problem: (error as Error).message, components: [] };
    }
  }

  async #info(service: string, target: Target, signal: AbortSignal | undefined): Promise<Info> {
    const known = this.#infos.get(`${service}/${target.instanceId}`);
    const now = this.clock.now();
    if (known !== undefined && now - known.askedAt < INFO_EVERY_MS) return known;
    const answer = await this.client.get(target, '/manage/info', { signal });
    const info = (typeof answer === 'object' && answer !== null ? answer : {}) as {
      version?: unknown;
      startedAt?: unknown;
    };
    return {
      askedAt: now,
      ...(typeof info.version === 'string' ? { version: info.version } : {}),
      ...(typeof info.startedAt === 'string' ? { startedAt: info.startedAt } : {}),
    };
  }
}

/** A service is up when all its instances are, and serves while one is. */
export function overall(statuses: readonly Health[]): Health {
  if (statuses.length === 0) return 'DOWN';
  if (statuses.every((status) => status === 'UP')) return 'UP';
  return statuses.some((status) => status === 'UP' || status === 'DEGRADED') ? 'DEGRADED' : 'DOWN';
}

function parseHealth(answer: unknown): { status: Health; components: ComponentView[] } {
  const health = (answer ?? {}) as { status?: unknown; components?: unknown };
  const components = Object.entries((health.components ?? {}) as Record<string, unknown>)
    .slice(0, 50)
    .map(([name, part]): ComponentView => {
      const { status, details } = (part ?? {}) as { status?: unknown; details?: unknown };
      const fits = details !== undefined && JSON.stringify(details).length <= MAX_DETAILS;
      return { name, status: statusOf(status), ...(fits ? { details } : {}) };
    });
  return { status: statusOf(health.status), components };
}

const statusOf = (value: unknown): Health => STATUSES.find((each) => each === value) ?? 'UNKNOWN';
