import { z } from 'zod';

export const Sku = z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/);

export const PutArticle = z.strictObject({
  name: z.string().min(1).max(200),
  unitPrice: z.int().min(0).max(100_000_000),
  currency: z.string().regex(/^[A-Z]{3}$/),
  available: z.int().min(0).max(1_000_000),
});
export type PutArticle = z.infer<typeof PutArticle>;
