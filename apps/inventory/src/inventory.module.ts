import { Module } from '@nestjs/common';
import { RookeryModule } from '@rookery/platform';
import { migrations } from './persistence/migrations.js';
import { ReservationHandler } from './reservation/reservation.handler.js';
import { Reservations } from './reservation/reservations.repository.js';
import { StockController } from './stock/stock.controller.js';
import { Stock } from './stock/stock.repository.js';

/** What there is to sell, what it costs, and what is set aside for which order. */
@Module({
  imports: [
    RookeryModule.forRoot({ name: 'inventory', persistence: { migrations }, messaging: true }),
  ],
  controllers: [StockController],
  providers: [Stock, Reservations, ReservationHandler],
})
export class InventoryModule {}
