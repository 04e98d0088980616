import { durationOption } from '@rookery/core';
import { z } from 'zod';
import { InvalidMessageRequestError } from '../messaging.errors.js';

/** The id of a failed message. */
export const idSchema = z.string().regex(/^\d{1,18}$/, { error: 'is no id of a message' });
/** PostgreSQL has no character 0 in texts. */
const text = z
  .string()
  .min(1)
  .max(1_000)
  .regex(/^[^\0]*$/, { error: 'must not contain a character 0' });
const filterShape = {
  consumer: text.optional(),
  status: z.enum(['parked', 'dead', 'replayed', 'discarded']).optional(),
  type: text.optional(),
  topic: text.optional(),
  key: text.optional(),
  reason: text.optional(),
  code: text.optional(),
  olderThan: durationOption().optional(),
  newerThan: durationOption().optional(),
};
/** Of `MessageOperations.list`. */
export const querySchema = z.strictObject({
  ...filterShape,
  before: idSchema.optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
});
const revision = z.int().min(1);
const reason = text.max(500).regex(/\S/, { error: 'say why' });
/** Of `MessageOperations.replay`. */
export const replaySchema = z.strictObject({ reason, revision: revision.optional() });
/** Of `MessageOperations.discard`. */
export const discardSchema = z.strictObject({ reason, revision });
/** Of `MessageOperations.edit`. */
export const editSchema = z
  .strictObject({
    reason,
    revision,
    payload: z.json().optional(),
    patch: z.json().optional(),
    headers: z.record(z.string().min(1).max(200), z.string().max(10_000).nullable()).optional(),
  })
  .refine(({ payload, patch }) => payload === undefined || patch === undefined, {
    error: 'give payload or patch, not both',
  });
/** Of `MessageOperations.startReplay`. */
export const jobSchema = z.strictObject({
  reason,
  filter: z
    .strictObject({ ...filterShape, status: z.enum(['parked', 'dead']).optional() })
    .prefault({}),
  perSecond: z.number().int().min(1).max(1_000).default(10),
});

/** What `MessageOperations.list` takes: conditions, `before` for the next page, `limit`. */
export type MessageQuery = z.input<typeof querySchema>;
/** What `MessageOperations.replay` takes. */
export type ReplayRequest = z.input<typeof replaySchema>;
/** What `MessageOperations.discard` takes. */
export type DiscardRequest = z.input<typeof discardSchema>;
/** What `MessageOperations.edit` takes: a whole payload, or an RFC 7396 patch of it. */
export type EditRequest = z.input<typeof editSchema>;
/** What `MessageOperations.startReplay` takes. */
export type ReplayJobRequest = z.input<typeof jobSchema>;

/** @throws InvalidMessageRequestError */
export function parsed<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new InvalidMessageRequestError(
    result.error.issues.map(({ path, message }) => `${path.join('.') || 'request'}: ${message}`),
  );
}
