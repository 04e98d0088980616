import { defineConfig, mergeConfig } from 'vitest/config';
import base from './vitest.config.js';

/** Load for minutes while everything goes wrong; run by `npm run test:soak`. */
export default mergeConfig(
  { ...base, test: { ...base.test, include: [] } },
  defineConfig({
    test: { include: ['test/soak/**/*.soak-spec.ts'], fileParallelism: false },
  }),
);
