import { EmbeddedKafka } from '@rookery/embedded-kafka';
import { afterAll, beforeAll, inject } from 'vitest';

declare module 'vitest' {
  interface ProvidedContext {
    /** Brokers that all specs shall use instead of embedded ones. */
    'rookery:kafka': readonly string[];
  }
}

/** Kafka for a spec file. Its members may be read once the file's hooks have run. */
export interface SpecKafka {
  readonly brokers: readonly string[];
  /** The broker, for its faults; absent when the run brought brokers of its own. */
  readonly embedded: EmbeddedKafka | undefined;
}

/**
 * Gives the spec file that calls it a broker: one of its own in memory, or, when the run provides
 * `rookery:kafka`, that one. Topics on the latter are shared, so name them uniquely.
 */
export function useKafka(): SpecKafka {
  let embedded: EmbeddedKafka | undefined;
  let brokers: readonly string[] | undefined;

  beforeAll(async () => {
    brokers = inject('rookery:kafka');
    if (brokers !== undefined) return;
    embedded = await EmbeddedKafka.start({});
    brokers = embedded.brokers;
  });

  afterAll(() => embedded?.stop());

  return {
    get brokers() {
      if (brokers === undefined) throw new Error('useKafka: read it in hooks and tests only');
      return brokers;
    },
    get embedded() {
      return embedded;
    },
  };
}
