import {
  EmbeddedKafka,
  type EmbeddedKafkaOptions,
  type KafkaFaults,
} from '@rookery/embedded-kafka';
import { afterAll, afterEach, beforeAll, beforeEach, inject } from 'vitest';

/** The Kafka that all specs of a run shall use, or why there is none, which skips their tests. */
export type KafkaOfRun = { readonly brokers: readonly string[] } | { readonly missing: string };

declare module 'vitest' {
  interface ProvidedContext {
    /** What specs use instead of embedded brokers; usually not provided. */
    'rookery:kafka': KafkaOfRun;
  }
}

/** Kafka for a spec file. */
export interface SpecKafka {
  /** May be read once the file's hooks have run. */
  readonly brokers: readonly string[];
  /** The broker, for its faults; absent when the run brought brokers of its own. */
  readonly embedded: EmbeddedKafka | undefined;
  /**
   * What can be made to go wrong; rules, the slow disk and stopped nodes are healed after each test.
   *
   * @throws Error when the run brought brokers of its own: skip such tests by {@link external}
   */
  readonly faults: KafkaFaults;
  /** Whether the run brought brokers of its own, which have no faults to order; for `skipIf`. */
  readonly external: boolean;
}

/**
 * Gives the spec file that calls it a broker: one of its own in memory, or, when the run provides
 * `rookery:kafka`, that one. Topics and groups on the latter are shared, so name them uniquely.
 *
 * @param options for a broker of its own, with several nodes or users for example; a spec that
 *   gives any has it whatever the run provides
 */
export function useKafka(options?: EmbeddedKafkaOptions): SpecKafka {
  // Typed as always there; absent when no set-up provides it.
  const provided = inject('rookery:kafka') as KafkaOfRun | undefined;
  const ofRun = options === undefined ? provided : undefined;
  let embedded: EmbeddedKafka | undefined;
  let brokers = ofRun !== undefined && 'brokers' in ofRun ? ofRun.brokers : undefined;

  if (ofRun === undefined) {
    beforeAll(async () => {
      embedded = await EmbeddedKafka.start(options);
      brokers = embedded.brokers;
    });
    afterEach(() => embedded?.faults.healAll());
    afterAll(() => embedded?.stop());
  } else if ('missing' in ofRun) {
    beforeEach(({ skip }) => skip(ofRun.missing));
  }

  return {
    get brokers() {
      if (brokers === undefined) throw new Error('useKafka: read it in hooks and tests only');
      return brokers;
    },
    get embedded() {
      return embedded;
    },
    get faults() {
      if (embedded === undefined) throw new Error('useKafka: the run has brokers without faults');
      return embedded.faults;
    },
    external: ofRun !== undefined,
  };
}
