import { Injectable } from '@nestjs/common';
import {
  MessagePublisher,
  OnCommand,
  OnEvent,
  reply,
  type DataOf,
  type ReplyTo,
} from '@rookery/messaging';
import { UnitOfWork } from '@rookery/persistence';
import {
  OrderCancelled,
  ReleaseStock,
  ReserveStock,
  StockRefused,
  StockReleased,
  StockReserved,
  StockRestocked,
} from '@shop/contracts';
import { Stock } from '../stock/stock.repository.js';
import { Reservations, type Reservation } from './reservations.repository.js';

/** Too little of something: undoes what was taken for the other lines. */
class NotEnough extends Error {
  constructor(readonly sku: string) {
    super(`not enough of ${sku}`);
  }
}

@Injectable()
export class ReservationHandler {
  constructor(
    private readonly stock: Stock,
    private readonly reservations: Reservations,
    private readonly transactions: UnitOfWork,
    private readonly publisher: MessagePublisher,
  ) {}

  @OnCommand(ReserveStock)
  async reserve({
    orderId,
    lines,
  }: DataOf<typeof ReserveStock>): Promise<ReplyTo<typeof ReserveStock>> {
    const earlier = await this.reservations.lock(orderId);
    if (earlier?.status === 'reserved') return reply(StockReserved, { orderId });
    if (earlier?.status === 'released') {
      // The order was given up before this command came: setting stock aside now would leak it.
      return reply(StockRefused, { orderId, reason: 'OUT_OF_STOCK', skus: [] });
    }
    // In order of sku, so that two orders never wait for each other's rows.
    const sorted = [...lines].sort((a, b) => (a.sku < b.sku ? -1 : 1));
    const unknown = [];
    for (const { sku } of sorted) {
      if ((await this.stock.find(sku)) === undefined) unknown.push(sku);
    }
    if (unknown.length > 0) {
      return reply(StockRefused, { orderId, reason: 'UNKNOWN_SKU', skus: unknown });
    }
    try {
      await this.transactions.run(
        async () => {
          for (const { sku, quantity } of sorted) {
            if (!(await this.stock.take(sku, quantity))) throw new NotEnough(sku);
          }
          await this.reservations.save({ orderId, status: 'reserved', lines: sorted });
        },
        { propagation: 'nested' },
      );
    } catch (error) {
      if (!(error instanceof NotEnough)) throw error;
      return reply(StockRefused, { orderId, reason: 'OUT_OF_STOCK', skus: [error.sku] });
    }
    return reply(StockReserved, { orderId });
  }

  @OnCommand(ReleaseStock)
  async release({ orderId }: DataOf<typeof ReleaseStock>): Promise<ReplyTo<typeof ReleaseStock>> {
    await this.giveBack(orderId);
    return reply(StockReleased, { orderId });
  }

  @OnEvent(OrderCancelled)
  async restock({ orderId }: DataOf<typeof OrderCancelled>): Promise<void> {
    const released = await this.giveBack(orderId);
    if (released !== undefined) {
      await this.publisher.publish(StockRestocked, { orderId, lines: [...released.lines] });
    }
  }

  private async giveBack(orderId: string): Promise<Reservation | undefined> {
    const reservation = await this.reservations.lock(orderId);
    if (reservation?.status === 'released') return undefined;
    const lines = reservation?.lines ?? [];
    for (const { sku, quantity } of lines) await this.stock.giveBack(sku, quantity);
    await this.reservations.save({ orderId, status: 'released', lines });
    return reservation;
  }
}
