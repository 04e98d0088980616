import { z } from 'zod';

/** How many of one article. */
export const OrderLine = z.object({
  sku: z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/),
  quantity: z.int().min(1).max(1_000),
});
export type OrderLine = z.infer<typeof OrderLine>;

export const OrderId = z.uuid();
