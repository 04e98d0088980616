import { z } from 'zod';
import { bulkheadSchema } from './bulkhead/bulkhead.options.js';
import { circuitBreakerSettings } from './circuit-breaker/circuit-breaker.options.js';
import type { NamedKind } from './method/policy-request.js';
import { retrySettings } from './retry/retry.options.js';
import { timeoutSchema } from './timeout/timeout.options.js';

/**
 * All fields optional and without defaults, so that what configuration leaves out keeps the value
 * that the code gave.
 */
function overrides(schema: z.ZodObject): z.ZodObject {
  const shape: Record<string, z.core.$ZodType> = {};
  for (const [key, field] of Object.entries(schema.shape)) {
    const inner =
      field instanceof z.ZodDefault || field instanceof z.ZodPrefault ? field.unwrap() : field;
    shape[key] = z.optional(inner instanceof z.ZodObject ? overrides(inner) : inner);
  }
  return z.strictObject(shape);
}

function section(settings: z.ZodObject) {
  const values = overrides(settings);
  return z
    .strictObject({
      configs: z.record(z.string(), values).default({}),
      instances: z
        .record(z.string(), values.extend({ baseConfig: z.string().optional() }))
        .default({}),
    })
    .superRefine(({ configs, instances }, context) => {
      for (const [name, { baseConfig }] of Object.entries(instances)) {
        if (baseConfig === undefined || Object.hasOwn(configs, baseConfig as string)) continue;
        context.addIssue({
          code: 'custom',
          path: ['instances', name, 'baseConfig'],
          message: `expected one of configs: ${Object.keys(configs).join(', ') || 'there are none'}`,
        });
      }
    })
    .prefault({});
}

/**
 * Schema of the configuration namespace `resilience`, laid out as Resilience4j's: `configs.default`
 * holds for every policy of a kind, `configs.<name>` for those that name it as `baseConfig`,
 * `instances.<name>` for one.
 */
export const resilienceSchema = z
  .strictObject({
    circuitbreaker: section(circuitBreakerSettings),
    retry: section(retrySettings),
    timeout: section(timeoutSchema),
    bulkhead: section(bulkheadSchema),
  })
  .prefault({});

/** The configuration namespace `resilience`. */
export type ResilienceSettings = z.output<typeof resilienceSchema>;

const SECTIONS: Readonly<Record<NamedKind, keyof ResilienceSettings>> = {
  'circuit-breaker': 'circuitbreaker',
  retry: 'retry',
  timeout: 'timeout',
  bulkhead: 'bulkhead',
};

/** The options of a policy, weakest first: `configs.default`, code, its `baseConfig`, its own. */
export function effectiveOptions(
  settings: ResilienceSettings,
  kind: NamedKind,
  name: string,
  options: object,
): Record<string, unknown> {
  const { configs, instances } = settings[SECTIONS[kind]];
  const { baseConfig, ...own } = Object.hasOwn(instances, name) ? instances[name]! : {};
  const base = typeof baseConfig === 'string' ? configs[baseConfig] : undefined;
  const result: Record<string, unknown> = {};
  for (const layer of [configs['default'], options, base, own]) {
    for (const [key, value] of Object.entries(layer ?? {})) {
      if (value === undefined) continue;
      const merges = key === 'backoff' && typeof result[key] === 'object';
      result[key] = merges ? { ...(result[key] as object), ...(value as object) } : value;
    }
  }
  return result;
}
