import { Controller, Get } from '@nestjs/common';
import { NotFoundError, ValidatedParam } from '@rookery/platform';
import { Scopes } from '@rookery/security';
import { z } from 'zod';
import { Shipments } from './shipments.repository.js';

interface ShipmentView {
  orderId: string;
  shipmentId: string;
  status: string;
  dispatchAt: string;
  trackingNumber: string | null;
}

@Controller('shipping')
export class ShipmentController {
  constructor(private readonly shipments: Shipments) {}

  @Get(':orderId')
  @Scopes('shipping:read')
  async one(@ValidatedParam('orderId', z.uuid()) orderId: string): Promise<ShipmentView> {
    const shipment = await this.shipments.find(orderId);
    if (shipment === undefined) throw new NotFoundError('shipment of order', orderId);
    return {
      orderId,
      shipmentId: shipment.shipment_id,
      status: shipment.status,
      dispatchAt: shipment.dispatch_at.toISOString(),
      trackingNumber: shipment.tracking_number,
    };
  }
}
