import { z } from 'zod';

/** What the page shows of a step. Times are milliseconds since the epoch, here and below. */
const step = z.object({
  name: z.string(),
  status: z.string(),
  pivot: z.boolean().optional(),
  command: z.string().optional(),
  attempts: z.number().optional(),
  reason: z.string().optional(),
  startedAt: z.number().optional(),
  endedAt: z.number().optional(),
  compensation: z
    .object({
      attempts: z.number().optional(),
      startedAt: z.number().optional(),
      endedAt: z.number().optional(),
      reason: z.string().optional(),
    })
    .optional(),
});

const summary = z.object({
  id: z.string(),
  saga: z.string(),
  key: z.string(),
  state: z.string(),
  reason: z.string().optional(),
  message: z.string().optional(),
  startedAt: z.number(),
  updatedAt: z.number(),
  endedAt: z.number().optional(),
  traceId: z.string().optional(),
  steps: z.array(step).max(100),
});

const details = summary.extend({
  version: z.number().optional(),
  data: z.record(z.string(), z.unknown()).optional(),
  timeline: z
    .array(
      z.object({
        at: z.number(),
        what: z.string(),
        step: z.string().optional(),
        attempt: z.number().optional(),
        reason: z.string().optional(),
      }),
    )
    .default([]),
});

const count = z.object({ saga: z.string(), state: z.string(), count: z.number() });

/** What `GET /manage/sagas` of a service answers, as far as the page shows it. */
export const sagaListAnswer = z.object({
  sagas: z.array(summary),
  counts: z.array(count).default([]),
});

/** What `GET /manage/sagas/:id` answers. */
export const sagaDetailsAnswer = details;

/** A saga in the list: of its steps only how they stand. */
export interface SagaView extends Omit<z.output<typeof summary>, 'steps'> {
  readonly service: string;
  readonly steps: readonly { readonly name: string; readonly status: string }[];
}

/** A saga with its steps and its timeline. */
export type SagaDetailsView = z.output<typeof details> & { readonly service: string };

/** How many sagas are kept, by service, name and state. */
export type SagaCountView = z.output<typeof count> & { readonly service: string };
