import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { InvalidOptionError } from '../errors/invalid-option.error.js';
import { durationOption, resolveOptions } from './resolve-options.js';

const schema = z.strictObject({
  attempts: z.int().min(1).default(3),
  backoff: z.strictObject({ initial: durationOption().default(50) }).default({ initial: 50 }),
  clientSecret: z.string().min(8).optional(),
});

function problemsOf(options: unknown): readonly string[] {
  try {
    resolveOptions(schema, options, '@Retry() on Stock.find');
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidOptionError);
    expect((error as Error).message).toMatch(/^@Retry\(\) on Stock\.find: /);
    return (error as InvalidOptionError).problems;
  }
  throw new Error('expected a refusal');
}

describe('resolveOptions', () => {
  it('applies defaults, reads durations and freezes all of the result', () => {
    const options = resolveOptions(schema, { backoff: { initial: '2s' } }, 'here');
    expect(options).toEqual({ attempts: 3, backoff: { initial: 2_000 } });
    expect(Object.isFrozen(options)).toBe(true);
    expect(Object.isFrozen(options.backoff)).toBe(true);
  });

  it('names the option, its value and what is allowed', () => {
    expect(problemsOf({ attempts: 0 })).toEqual([
      'attempts: 0 is not allowed, Too small: expected number to be >=1',
    ]);
    expect(problemsOf({ backoff: { initial: 'soon' } })[0]).toMatch(
      /^backoff\.initial: "soon" is not allowed, .*expected a number with ms, s, m, h or d/,
    );
  });

  it('refuses unknown keys at any depth', () => {
    expect(problemsOf({ atempts: 3 })).toEqual(['atempts: unknown option']);
    expect(problemsOf({ backoff: { inital: 1 } })).toEqual(['backoff.inital: unknown option']);
  });

  it('never shows the value of a secret', () => {
    expect(problemsOf({ clientSecret: 'hunter2' }).join()).not.toContain('hunter2');
  });
});
