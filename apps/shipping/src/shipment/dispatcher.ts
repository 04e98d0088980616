import { Inject, Injectable, Logger } from '@nestjs/common';
import { CLOCK } from '@rookery/config';
import { Lifecycle, type Cancel, type Clock } from '@rookery/core';
import { MessagePublisher } from '@rookery/messaging';
import { Transactional } from '@rookery/persistence';
import { ShipmentDispatched } from '@shop/contracts';
import { Shipments, type Shipment } from './shipments.repository.js';

const INTERVAL_MS = 1_000;
const BATCH = 50;

/** Sends parcels off when they are due, and announces each. */
@Injectable()
export class Dispatcher {
  private readonly logger = new Logger(Dispatcher.name);
  private cancel: Cancel = () => {};
  private running: Promise<void> = Promise.resolve();
  private stopped = false;

  constructor(
    private readonly shipments: Shipments,
    private readonly publisher: MessagePublisher,
    @Inject(CLOCK) private readonly clock: Clock,
    lifecycle: Lifecycle,
  ) {
    lifecycle.onStart('schedulers', 'dispatcher', () => this.schedule());
    lifecycle.onStop('schedulers', 'dispatcher', async () => {
      this.stopped = true;
      this.cancel();
      await this.running;
    });
  }

  /** Hands the parcel to the carrier: within the caller's transaction. */
  async dispatch(shipment: Shipment): Promise<void> {
    const trackingNumber = `RK${shipment.shipment_id.replaceAll('-', '').slice(0, 16).toUpperCase()}`;
    await this.shipments.save({
      ...shipment,
      status: 'dispatched',
      tracking_number: trackingNumber,
    });
    await this.publisher.publish(ShipmentDispatched, {
      orderId: shipment.order_id,
      shipmentId: shipment.shipment_id,
      trackingNumber,
    });
  }

  /** Dispatches what is due now; returns how many parcels left. */
  @Transactional()
  async dispatchDue(): Promise<number> {
    const due = await this.shipments.lockDue(new Date(this.clock.now()), BATCH);
    for (const shipment of due) await this.dispatch(shipment);
    return due.length;
  }

  private schedule(): void {
    if (this.stopped) return;
    this.cancel = this.clock.after(INTERVAL_MS, () => {
      this.running = this.dispatchDue().then(
        () => this.schedule(),
        (error: unknown) => {
          this.logger.error(error, 'could not dispatch due shipments, trying again');
          this.schedule();
        },
      );
    });
  }
}
