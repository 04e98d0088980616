import { defineConfig, mergeConfig } from 'vitest/config';
import base from './vitest.config.js';

/** Real peers: Apache Kafka and clients that others wrote. What is absent is skipped, with why. */
export default mergeConfig(
  { ...base, test: { ...base.test, include: [] } },
  defineConfig({
    test: {
      include: ['test/interop/**/*.interop-spec.ts'],
      fileParallelism: false,
      testTimeout: 300_000,
      hookTimeout: 300_000,
    },
  }),
);
