import { toStandardJsonSchema } from '@valibot/to-json-schema';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { type } from 'arktype';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { decodeData, encodeData } from './contract-codec.js';
import { defineEvent } from './define-contract.js';
import { wireSchema } from './wire-schema.js';

const SKU = /^[a-z0-9][a-z0-9-]{0,63}$/;
const CURRENCY = /^[A-Z]{3}$/;
const byZod = z.object({
  orderId: z.uuid(),
  customer: z.string(),
  lines: z
    .array(z.object({ sku: z.string().regex(SKU), quantity: z.int().min(1).max(1_000) }))
    .min(1),
  total: z.object({ amount: z.int().min(0), currency: z.string().regex(CURRENCY) }),
  paymentMethod: z.string(),
});
const byValibot = v.object({
  orderId: v.pipe(v.string(), v.uuid()),
  customer: v.string(),
  lines: v.pipe(
    v.array(
      v.object({
        sku: v.pipe(v.string(), v.regex(SKU)),
        quantity: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1_000)),
      }),
    ),
    v.minLength(1),
  ),
  total: v.object({
    amount: v.pipe(v.number(), v.integer(), v.minValue(0)),
    currency: v.pipe(v.string(), v.regex(CURRENCY)),
  }),
  paymentMethod: v.string(),
});
const byArktype = type({
  orderId: 'string.uuid',
  customer: 'string',
  lines: type({ sku: SKU, quantity: '1 <= number.integer <= 1000' }).array().atLeastLength(1),
  total: { amount: 'number.integer >= 0', currency: CURRENCY },
  paymentMethod: 'string',
});

const text = JSON.stringify({
  orderId: '0190b8a0-2f5e-7c3a-8b1a-3f9f0c1d2e3f',
  customer: 'alice',
  lines: [
    { sku: 'apple-1', quantity: 2 },
    { sku: 'pear', quantity: 1 },
    { sku: 'plum-x', quantity: 7 },
  ],
  total: { amount: 1_299, currency: 'EUR' },
  paymentMethod: 'tok_visa',
});
const options = { topic: 'bench.events', owner: 'bench', key: () => 'k' };
const Zod = defineEvent('bench.zod', { ...options, versions: { 1: byZod } });
const Valibot = defineEvent('bench.valibot', {
  ...options,
  versions: { 1: toStandardJsonSchema(byValibot) },
} as never);
const Arktype = defineEvent('bench.arktype', { ...options, versions: { 1: byArktype } } as never);
const ajv = new Ajv2020({ removeAdditional: 'all', strict: false, allErrors: true });
addFormats.default(ajv);
const byAjv = ajv.compile(wireSchema(byZod) as object);

describe('validation', () => {
  // Parsing is part of each: ajv drops fields in place, so that it must not get the same twice.
  it('of events that are read', async ({ bench }) => {
    const results = await bench.compare(
      bench('JSON.parse alone', () => void JSON.parse(text)),
      bench('read by zod', () => void decodeData(Zod, 1, JSON.parse(text))),
      bench('read by valibot', () => void decodeData(Valibot, 1, JSON.parse(text))),
      bench('read by arktype', () => void decodeData(Arktype, 1, JSON.parse(text))),
      bench('read by ajv', () => void byAjv(JSON.parse(text))),
    );
    // Milliseconds at the median: what decided against ajv must stay true.
    const byZodP50 = results.get('read by zod').latency.p50;
    expect(byZodP50).toBeLessThan(results.get('read by ajv').latency.p50 * 3);
    expect(byZodP50).toBeLessThan(0.1);
  });

  it('of events that are written, without a change to the data of the caller', async ({
    bench,
  }) => {
    const data: unknown = JSON.parse(text);
    const results = await bench.compare(
      bench('written by zod', () => void encodeData(Zod, data)),
      bench('written by valibot', () => void encodeData(Valibot, data)),
      bench('written by arktype', () => void encodeData(Arktype, data)),
      bench('written by ajv, on a copy', () => void byAjv(structuredClone(data))),
    );
    const byZodP50 = results.get('written by zod').latency.p50;
    expect(byZodP50).toBeLessThan(results.get('written by ajv, on a copy').latency.p50);
  });
});
