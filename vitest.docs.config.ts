import { fileURLToPath } from 'node:url';
import { defineConfig, mergeConfig } from 'vitest/config';
import { writeSnippets } from './test/docs/snippets.js';
import base from './vitest.config.js';

// Before vitest looks for specs, some of which are written here.
writeSnippets(
  fileURLToPath(new URL('.', import.meta.url)),
  fileURLToPath(new URL('test/docs/.snippets', import.meta.url)),
);

/** The code of the documentation: it compiles, and where it is a spec, it passes. */
export default mergeConfig(
  { ...base, test: { ...base.test, include: [] } },
  defineConfig({
    test: {
      include: ['test/docs/*.spec.ts', 'test/docs/.snippets/**/*.spec.ts'],
      testTimeout: 120_000,
    },
  }),
);
