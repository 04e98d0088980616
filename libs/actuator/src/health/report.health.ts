import { ServiceUnavailableException } from '@nestjs/common';
import type {
  HealthCheckResult,
  HealthCheckService,
  HealthIndicatorService,
} from '@nestjs/terminus';
import type {
  HealthContributor,
  HealthGroup,
  HealthRegistry,
  HealthResult,
  Lifecycle,
} from '@rookery/core';

/** Spring Boot's words for how something is, and `DEGRADED`, which it lacks. */
export type Status = 'UP' | 'DEGRADED' | 'DOWN' | 'OUT_OF_SERVICE';

/** One part of a {@link HealthReport}. */
export interface ComponentHealth {
  readonly status: Status;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** How a service is, in the shape of Spring Boot's health endpoint. */
export interface HealthReport {
  readonly status: Status;
  readonly components: Readonly<Record<string, ComponentHealth>>;
}

/** Options of {@link HealthReporter}. */
export interface HealthReporterOptions {
  readonly registry: HealthRegistry;
  readonly lifecycle: Lifecycle;
  /** Terminus: runs checks side by side. */
  readonly checks: HealthCheckService;
  /** Terminus: bounds a check in time and shares its answer. */
  readonly indicators: HealthIndicatorService;
  readonly timeoutMs: number;
  readonly cacheMs: number;
}

const STATUS: Record<string, Status> = { up: 'UP', degraded: 'DEGRADED', down: 'DOWN' };

/** Asks the contributors of a service how they are. */
export class HealthReporter {
  constructor(private readonly options: HealthReporterOptions) {}

  /**
   * The report of one group, or of everything. A service that is stopping is out of service, but
   * for the question whether it is alive and whether it has started.
   */
  async report(group?: HealthGroup): Promise<HealthReport> {
    const { registry, lifecycle } = this.options;
    const result = await this.#run(registry.contributors(group));
    const components: Record<string, ComponentHealth> = {};
    for (const [name, { status, ...rest }] of Object.entries(result.details)) {
      const details = (rest as { facts?: Readonly<Record<string, unknown>> }).facts;
      components[name] = {
        status: STATUS[status] ?? 'DOWN',
        ...(details === undefined ? {} : { details }),
      };
    }
    const serving = group === undefined || group === 'ready';
    if (lifecycle.stopping && serving) return { status: 'OUT_OF_SERVICE', components };
    return { status: worst(Object.values(components)), components };
  }

  async #run(contributors: readonly HealthContributor[]): Promise<HealthCheckResult> {
    try {
      return await this.options.checks.check(contributors.map((one) => () => this.#ask(one)));
    } catch (error) {
      // Terminus throws the result when a part is down.
      if (error instanceof ServiceUnavailableException) {
        return error.getResponse() as HealthCheckResult;
      }
      throw error;
    }
  }

  async #ask(contributor: HealthContributor) {
    const { indicators, timeoutMs, cacheMs } = this.options;
    const { name } = contributor;
    const session = indicators.check(name);
    const attempt = await session
      .attempt(async ({ signal }) => ({ answer: await contributor.check(signal) }))
      .withTimeout(timeoutMs)
      .cacheFor(cacheMs);
    const outcome = attempt[name] as {
      status: string;
      message?: string;
      responseTime: number;
      answer?: HealthResult;
    };
    const { answer } = outcome;
    // An attempt knows only up and down; the contributor's own word is finer.
    if (answer === undefined) return session.down({ facts: { error: outcome.message } });
    const facts = { ...answer.details, responseTimeMs: outcome.responseTime };
    if (answer.status === 'up') return session.up({ facts });
    return answer.status === 'degraded' ? session.degraded({ facts }) : session.down({ facts });
  }
}

function worst(components: readonly ComponentHealth[]): Status {
  if (components.some(({ status }) => status === 'DOWN')) return 'DOWN';
  return components.some(({ status }) => status === 'DEGRADED') ? 'DEGRADED' : 'UP';
}
