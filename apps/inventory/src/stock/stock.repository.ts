import { Injectable } from '@nestjs/common';
import { Database } from '@rookery/persistence';
import type { Selectable } from 'kysely';
import type { InventorySchema, StockTable } from '../persistence/schema.js';

export type Article = Selectable<StockTable>;

@Injectable()
export class Stock {
  constructor(private readonly database: Database<InventorySchema>) {}

  all(): Promise<Article[]> {
    return this.database.current
      .selectFrom('stock')
      .selectAll()
      .orderBy('sku')
      .limit(500)
      .execute();
  }

  find(sku: string): Promise<Article | undefined> {
    return this.database.current
      .selectFrom('stock')
      .selectAll()
      .where('sku', '=', sku)
      .executeTakeFirst();
  }

  /** Adds an article, or replaces the one of that sku. */
  async put(article: Article): Promise<void> {
    const { sku: _sku, ...values } = article;
    await this.database.current
      .insertInto('stock')
      .values(article)
      .onConflict((conflict) => conflict.column('sku').doUpdateSet(values))
      .execute();
  }

  /** Takes from what is available; false if there is too little or no such article. */
  async take(sku: string, quantity: number): Promise<boolean> {
    const result = await this.database.current
      .updateTable('stock')
      .set((eb) => ({ available: eb('available', '-', quantity) }))
      .where('sku', '=', sku)
      .where('available', '>=', quantity)
      .executeTakeFirst();
    return result.numUpdatedRows === 1n;
  }

  async giveBack(sku: string, quantity: number): Promise<void> {
    await this.database.current
      .updateTable('stock')
      .set((eb) => ({ available: eb('available', '+', quantity) }))
      .where('sku', '=', sku)
      .execute();
  }
}
