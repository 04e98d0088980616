// Where an application built by `nest build` begins: `#app` is its main.ts (see rspack.config.mjs).
// The import is dynamic, so that nothing of the application is read by a Node that is too old.
import { fileURLToPath } from 'node:url';
import { onNode24 } from '../libs/cli/runtime/node-24.js';

if (await onNode24(fileURLToPath(import.meta.url))) await import('#app');
