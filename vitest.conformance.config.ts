import { defineConfig, mergeConfig } from 'vitest/config';
import base from './vitest.config.js';

/**
 * The same checks with each client on the embedded broker and on Apache Kafka; what is absent is
 * skipped, with why. `npm run test:conformance -- kafkajs -t topics` runs one client, one area.
 */
export default mergeConfig(
  { ...base, test: { ...base.test, include: [], globalSetup: [] } },
  defineConfig({
    test: {
      globalSetup: ['test/setup/conformance.global-setup.ts'],
      include: ['test/conformance/**/*.conformance-spec.ts'],
      // Clients wait more than they work, but their rebalances share two cores.
      maxWorkers: 2,
      maxConcurrency: 4,
      testTimeout: 90_000,
      hookTimeout: 120_000,
    },
  }),
);
