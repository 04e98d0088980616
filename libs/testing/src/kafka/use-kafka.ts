import { EmbeddedKafka } from '@rookery/embedded-kafka';
import { afterAll, beforeAll, beforeEach, inject } from 'vitest';

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
  /** Whether the run brought brokers of its own, which have no faults to order; for `skipIf`. */
  readonly external: boolean;
}

/**
 * Gives the spec file that calls it a broker: one of its own in memory, or, when the run provides
 * `rookery:kafka`, that one. Topics and groups on the latter are shared, so name them uniquely.
 */
export function useKafka(): SpecKafka {
  // Typed as always there; absent when no set-up provides it.
  const ofRun = inject('rookery:kafka') as KafkaOfRun | undefined;
  let embedded: EmbeddedKafka | undefined;
  let brokers = ofRun !== undefined && 'brokers' in ofRun ? ofRun.brokers : undefined;

  if (ofRun === undefined) {
    beforeAll(async () => {
      embedded = await EmbeddedKafka.start({});
      brokers = embedded.brokers;
    });
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
    external: ofRun !== undefined,
  };
}
