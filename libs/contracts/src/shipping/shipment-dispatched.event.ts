import { defineEvent } from '@rookery/messaging';
import { z } from 'zod';
import { OrderId } from '../values/order-line.js';

/** The parcel has left. */
export const ShipmentDispatched = defineEvent('shipping.shipment-dispatched', {
  topic: 'shipping.events',
  owner: 'shipping',
  key: (event) => event.orderId,
  versions: {
    1: z.object({ orderId: OrderId, shipmentId: z.string(), trackingNumber: z.string() }),
  },
});
