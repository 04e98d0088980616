import { OrderLine } from '@shop/contracts';
import { z } from 'zod';

export const PlaceOrderRequest = z.strictObject({
  lines: z
    .array(OrderLine)
    .min(1)
    .max(50)
    .refine((lines) => new Set(lines.map(({ sku }) => sku)).size === lines.length, {
      message: 'each sku at most once',
    }),
  /** A token of the card processor. */
  paymentMethod: z.string().regex(/^tok_[a-z0-9_]{1,60}$/),
  /** When it shall leave; at once if absent. */
  dispatchAt: z.iso.datetime().optional(),
});
export type PlaceOrderRequest = z.infer<typeof PlaceOrderRequest>;

/** Lets a client repeat a request whose answer it lost without ordering twice. */
export const IdempotencyKey = z.string().regex(/^[A-Za-z0-9._-]{8,64}$/);
