import { Module } from '@nestjs/common';
import { RookeryModule } from '@rookery/platform';
import { migrations } from './persistence/migrations.js';
import { Dispatcher } from './shipment/dispatcher.js';
import { ShipmentController } from './shipment/shipment.controller.js';
import { ShipmentHandler } from './shipment/shipment.handler.js';
import { Shipments } from './shipment/shipments.repository.js';

/** Arranges parcels and sends them off when they are due. */
@Module({
  imports: [
    RookeryModule.forRoot({ name: 'shipping', persistence: { migrations }, messaging: true }),
  ],
  controllers: [ShipmentController],
  providers: [Shipments, ShipmentHandler, Dispatcher],
})
export class ShippingModule {}
