import { defineEvent } from '@rookery/messaging';
import { z } from 'zod';
import { OrderId } from '../values/order-line.js';

/** The parcel of a cancelled order stays here. */
export const ShipmentCancelled = defineEvent('shipping.shipment-cancelled', {
  topic: 'shipping.events',
  owner: 'shipping',
  key: (event) => event.orderId,
  versions: { 1: z.object({ orderId: OrderId, shipmentId: z.string() }) },
});
