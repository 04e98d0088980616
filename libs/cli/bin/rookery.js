#!/usr/bin/env node
// Plain JavaScript for any Node: what follows needs Node 24 and, in a checkout, TypeScript.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { onNode24 } from '../runtime/node-24.js';

if (await onNode24(fileURLToPath(import.meta.url))) {
  const source = new URL('../src/main.ts', import.meta.url);
  const inCheckout = existsSync(source);
  if (inCheckout) await import('../runtime/source-hook.js');
  await import(inCheckout ? source.href : '../dist/main.js');
}
