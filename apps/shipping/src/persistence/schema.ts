/** A parcel. `cancelled` stays for good, so that a dispatch that comes later finds it so. */
export interface ShipmentTable {
  order_id: string;
  shipment_id: string;
  status: 'scheduled' | 'dispatched' | 'cancelled';
  dispatch_at: Date;
  tracking_number: string | null;
}

export interface ShippingSchema {
  shipment: ShipmentTable;
}
