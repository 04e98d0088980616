import { Injectable } from '@nestjs/common';
import { OnEvent, type EventOf } from '@rookery/messaging';
import { ShipmentDispatched } from '@shop/contracts';
import { Orders } from './orders.repository.js';

/** Marks orders as shipped when shipping says so. */
@Injectable()
export class ShipmentHandler {
  constructor(private readonly orders: Orders) {}

  @OnEvent(ShipmentDispatched)
  async shipped({ orderId, trackingNumber }: EventOf<typeof ShipmentDispatched>): Promise<void> {
    // The news may overtake the saga's last step, so a pending order is moved as well.
    await this.orders.move(orderId, ['pending', 'approved'], 'shipped', {
      tracking_number: trackingNumber,
    });
  }
}
