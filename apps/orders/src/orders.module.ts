import { Module } from '@nestjs/common';
import { RookeryModule } from '@rookery/platform';
import { CancelOrderController } from './cancel-order/cancel-order.controller.js';
import { InventoryClient } from './inventory-client/inventory.client.js';
import { OrderController } from './order/order.controller.js';
import { Orders } from './order/orders.repository.js';
import { migrations } from './persistence/migrations.js';
import { PlaceOrderController } from './place-order/place-order.controller.js';
import { PlaceOrder } from './place-order/place-order.saga.js';
import { PlaceOrderService } from './place-order/place-order.service.js';
import { ShipmentHandler } from './order/shipment.handler.js';

/** Takes orders and sees each through to its end. */
@Module({
  imports: [
    RookeryModule.forRoot({
      name: 'orders',
      persistence: { migrations },
      messaging: true,
      sagas: [PlaceOrder],
      clients: [InventoryClient],
    }),
  ],
  controllers: [OrderController, PlaceOrderController, CancelOrderController],
  providers: [Orders, PlaceOrderService, PlaceOrder, ShipmentHandler],
})
export class OrdersModule {}
