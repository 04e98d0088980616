import { z } from 'zod';

/** An amount in minor units (cents), so that sums are exact. */
export const Money = z.object({
  amount: z.int().min(0),
  currency: z.string().regex(/^[A-Z]{3}$/),
});
export type Money = z.infer<typeof Money>;
