import { defineConfig, mergeConfig } from 'vitest/config';
import base from './vitest.config.js';

/** Processes that are killed; run by `npm run test:crash`. */
export default mergeConfig(
  { ...base, test: { ...base.test, include: [] } },
  defineConfig({
    test: {
      include: ['test/crash/**/*.crash-spec.ts'],
      fileParallelism: false,
      maxConcurrency: 16,
      testTimeout: 3_600_000,
      hookTimeout: 120_000,
    },
  }),
);
