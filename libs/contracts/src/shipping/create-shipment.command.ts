import { defineCommand, defineReply } from '@rookery/messaging';
import { z } from 'zod';
import { OrderId, OrderLine } from '../values/order-line.js';

/** The shipment is arranged; it leaves at its time of dispatch. */
export const ShipmentCreated = defineReply('shipping.shipment-created', {
  owner: 'shipping',
  outcome: 'success',
  versions: { 1: z.object({ orderId: OrderId, shipmentId: z.string() }) },
});

/** Arranges the shipment of a paid order. Comes after the pivot, so it can be late but not refused. */
export const CreateShipment = defineCommand('shipping.create-shipment', {
  owner: 'shipping',
  key: (command) => command.orderId,
  versions: {
    1: z.object({
      orderId: OrderId,
      lines: z.array(OrderLine).min(1),
      dispatchAt: z.iso.datetime().optional(),
    }),
  },
  replies: [ShipmentCreated],
});
