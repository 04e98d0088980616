import { Injectable, type Type } from '@nestjs/common';
import { OnCommand, reply, type DataOf, type MessageContext } from '@rookery/messaging';
import { currentTraceId } from '@rookery/observability';
import { TransactionHost } from '@rookery/persistence';
import { z } from 'zod';
import { Compensate, Pivot, Saga, Start, Step } from '../definition/saga.decorator.js';
import type { Why } from '../engine/decision.js';
import * as shop from './place-order.fixture.js';

const State = z.object({ orderId: z.string() });
type State = z.infer<typeof State>;

/** As the fixture, but keeping its books in the database. */
export function placeOrder(paymentTimeout: string): Type {
  @Injectable()
  @Saga({ name: 'place-order', state: State, key: 'orderId', deadline: '1m' })
  class PlaceOrder {
    constructor(private readonly host: TransactionHost) {}

    @Start(shop.OrderPlaced)
    begin({ orderId }: DataOf<typeof shop.OrderPlaced>): State {
      return { orderId };
    }

    @Step()
    async accept({ orderId }: State): Promise<void> {
      await this.host.query('insert into books values ($1, $2)', [orderId, 'accepted']);
    }

    @Compensate('accept')
    async reject({ orderId }: State, why: Why): Promise<void> {
      await this.host.query('insert into books values ($1, $2)', [orderId, `rejected ${why.code}`]);
    }

    @Step({ after: 'accept', send: shop.ReserveStock, timeout: '30s' })
    reserve({ orderId }: State): State {
      return { orderId };
    }

    @Compensate('reserve', { send: shop.ReleaseStock })
    release({ orderId }: State): State {
      return { orderId };
    }

    @Step({ after: 'accept', send: shop.Authorize, timeout: paymentTimeout })
    authorize({ orderId }: State): State {
      return { orderId };
    }

    @Compensate('authorize', { send: shop.Void })
    voidPayment({ orderId }: State): State {
      return { orderId };
    }

    @Pivot({ after: ['reserve', 'authorize'], send: shop.Capture })
    capture({ orderId }: State): State {
      return { orderId };
    }

    @Step({ after: 'capture', retriable: true, send: shop.CreateShipment })
    ship({ orderId }: State): State {
      return { orderId };
    }

    @Step({ after: 'ship', retriable: true })
    async approve({ orderId }: State): Promise<void> {
      await this.host.query('insert into books values ($1, $2)', [orderId, 'approved']);
    }
  }
  return PlaceOrder;
}

/** What participants were asked, in which trace. */
export const traces: {
  what: string;
  orderId: string;
  traceId: string | undefined;
  correlationId: string;
}[] = [];

abstract class Recorder {
  protected record(what: string, { orderId }: State, { correlationId }: MessageContext): void {
    traces.push({ what, orderId, traceId: currentTraceId(), correlationId });
  }
}

/** Has everything, but for orders that begin with `empty`. */
@Injectable()
export class Inventory extends Recorder {
  @OnCommand(shop.ReserveStock)
  async reserve(command: State, context: MessageContext) {
    this.record('reserve', command, context);
    return command.orderId.startsWith('empty')
      ? reply(shop.StockRefused, { ...command, reason: 'OUT_OF_STOCK' })
      : reply(shop.StockReserved, { ...command, stockId: 's' });
  }

  @OnCommand(shop.ReleaseStock)
  async release(command: State, context: MessageContext) {
    this.record('release', command, context);
    return reply(shop.StockReleased, command);
  }

  @OnCommand(shop.CreateShipment)
  async ship(command: State, context: MessageContext) {
    this.record('ship', command, context);
    return reply(shop.Shipped, command);
  }
}

/** Takes every card, but for orders that begin with `poor`. */
@Injectable()
export class Payments extends Recorder {
  @OnCommand(shop.Authorize)
  async authorize(command: State, context: MessageContext) {
    this.record('authorize', command, context);
    return command.orderId.startsWith('poor')
      ? reply(shop.PaymentRefused, { ...command, reason: 'CARD_REFUSED' })
      : reply(shop.Authorized, command);
  }

  @OnCommand(shop.Void)
  async voidPayment(command: State, context: MessageContext) {
    this.record('void', command, context);
    return reply(shop.Voided, command);
  }

  @OnCommand(shop.Capture)
  async capture(command: State, context: MessageContext) {
    this.record('capture', command, context);
    return reply(shop.Captured, command);
  }
}
