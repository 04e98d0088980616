import { defineConfig } from 'vitest/config';

// Only ours: vitest hands these to Node as well, and with 'import' among them the `require` calls
// of CommonJS packages would get ES modules.
const conditions = ['rookery:source'];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  // Where vitest runs the global set-up.
  environments: { __vitest__: { resolve: { conditions } } },
  // Constructor injection needs decorator metadata; Oxc emits it without a plugin.
  oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
  test: {
    // What Nest's own generators write takes describe, it and expect from the global scope.
    globals: true,
    include: ['libs/*/src/**/*.spec.ts', 'apps/*/src/**/*.spec.ts'],
    setupFiles: ['reflect-metadata'],
    globalSetup: ['test/setup/postgres.global-setup.ts'],
    testTimeout: 20_000,
    hookTimeout: 30_000,
  },
});
