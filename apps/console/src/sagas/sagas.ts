import type { z } from 'zod';
import { InstanceError, NothingThereError } from '../console.errors.js';
import type { InstanceSource } from '../fleet/fleet.js';
import type { InstanceClient } from '../fleet/instance-client.js';
import {
  sagaDetailsAnswer,
  sagaListAnswer,
  type SagaCountView,
  type SagaDetailsView,
  type SagaView,
} from './saga-view.js';

/** What the page shows of all sagas. */
export interface SagaList {
  readonly sagas: readonly SagaView[];
  readonly counts: readonly SagaCountView[];
  /** Services that could not be asked, and why. */
  readonly problems: readonly { readonly service: string; readonly problem: string }[];
}

/** Instances of a service that are tried before giving up. */
const TRIES = 3;

/** Asks services that orchestrate sagas how those stand. Any instance of a service knows all. */
export class Sagas {
  constructor(
    private readonly source: InstanceSource,
    private readonly client: InstanceClient,
    private readonly services: readonly string[],
    private readonly limit: number,
  ) {}

  /** The newest sagas of all services. */
  async list(signal?: AbortSignal): Promise<SagaList> {
    const sagas: SagaView[] = [];
    const counts: SagaCountView[] = [];
    const problems: { service: string; problem: string }[] = [];
    const path = `/manage/sagas?limit=${this.limit}`;
    await Promise.all(
      this.services.map(async (service) => {
        try {
          const answer = await this.#ask(service, path, sagaListAnswer, signal);
          counts.push(...answer.counts.map((count) => ({ ...count, service })));
          for (const { steps, ...saga } of answer.sagas) {
            const stands = steps.map(({ name, status }) => ({ name, status }));
            sagas.push({ ...saga, service, steps: stands });
          }
        } catch (error) {
          problems.push({ service, problem: (error as Error).message });
        }
      }),
    );
    sagas.sort((a, b) => b.startedAt - a.startedAt || (a.id < b.id ? -1 : 1));
    return { sagas, counts, problems };
  }

  /**
   * A saga with its timeline.
   *
   * @throws NothingThereError for unknown sagas, and services that are not asked for sagas
   * @throws InstanceError when no instance answers
   */
  async find(service: string, id: string): Promise<SagaDetailsView> {
    if (!this.services.includes(service)) throw new NothingThereError('no such service');
    const path = `/manage/sagas/${encodeURIComponent(id)}`;
    return { ...(await this.#ask(service, path, sagaDetailsAnswer)), service };
  }

  async #ask<S extends z.ZodType>(
    service: string,
    path: string,
    schema: S,
    signal?: AbortSignal,
  ): Promise<z.output<S>> {
    let failure: unknown = new InstanceError('no instance is registered');
    for (const target of this.source.instances(service).slice(0, TRIES)) {
      try {
        const answer = await this.client.get(target, path, { authorize: true, signal });
        const parsed = schema.safeParse(answer);
        if (parsed.success) return parsed.data;
        failure = new InstanceError('its answer is not in the format of sagas');
      } catch (error) {
        if (error instanceof InstanceError && error.answered === 404) {
          throw new NothingThereError('no such saga');
        }
        failure = error;
      }
    }
    throw failure;
  }
}
