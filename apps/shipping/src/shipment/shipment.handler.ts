import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { CLOCK } from '@rookery/config';
import type { Clock } from '@rookery/core';
import {
  MessagePublisher,
  OnCommand,
  OnEvent,
  reply,
  type DataOf,
  type ReplyTo,
} from '@rookery/messaging';
import {
  CreateShipment,
  OrderCancelled,
  ShipmentCancelled,
  ShipmentCreated,
} from '@shop/contracts';
import { Dispatcher } from './dispatcher.js';
import { Shipments, type Shipment } from './shipments.repository.js';

@Injectable()
export class ShipmentHandler {
  constructor(
    private readonly shipments: Shipments,
    private readonly dispatcher: Dispatcher,
    private readonly publisher: MessagePublisher,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  @OnCommand(CreateShipment)
  async create({
    orderId,
    dispatchAt,
  }: DataOf<typeof CreateShipment>): Promise<ReplyTo<typeof CreateShipment>> {
    const earlier = await this.shipments.lock(orderId);
    if (earlier !== undefined) {
      return reply(ShipmentCreated, { orderId, shipmentId: earlier.shipment_id });
    }
    const now = this.clock.now();
    const shipment: Shipment = {
      order_id: orderId,
      shipment_id: randomUUID(),
      status: 'scheduled',
      dispatch_at: new Date(dispatchAt ?? now),
      tracking_number: null,
    };
    if (shipment.dispatch_at.getTime() <= now) await this.dispatcher.dispatch(shipment);
    else await this.shipments.save(shipment);
    return reply(ShipmentCreated, { orderId, shipmentId: shipment.shipment_id });
  }

  @OnEvent(OrderCancelled)
  async cancel({ orderId }: DataOf<typeof OrderCancelled>): Promise<void> {
    const shipment = await this.shipments.lock(orderId);
    if (shipment?.status !== 'scheduled') return;
    await this.shipments.save({ ...shipment, status: 'cancelled' });
    await this.publisher.publish(ShipmentCancelled, {
      orderId,
      shipmentId: shipment.shipment_id,
    });
  }
}
