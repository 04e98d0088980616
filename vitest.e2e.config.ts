import { defineConfig, mergeConfig } from 'vitest/config';
import base from './vitest.config.js';

/** What crosses apps: real processes, one file at a time, since they share ports and cores. */
export default mergeConfig(
  { ...base, test: { ...base.test, include: [] } },
  defineConfig({
    test: {
      include: ['test/**/*.e2e-spec.ts'],
      fileParallelism: false,
      testTimeout: 300_000,
      hookTimeout: 300_000,
    },
  }),
);
