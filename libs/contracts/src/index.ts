export { Money } from './values/money.js';
export { OrderId, OrderLine } from './values/order-line.js';
export { OrderPlaced } from './orders/order-placed.event.js';
export { OrderApproved } from './orders/order-approved.event.js';
export { OrderRejected } from './orders/order-rejected.event.js';
export { OrderCancelled } from './orders/order-cancelled.event.js';
export { ReserveStock, StockRefused, StockReserved } from './inventory/reserve-stock.command.js';
export { ReleaseStock, StockReleased } from './inventory/release-stock.command.js';
export { StockRestocked } from './inventory/stock-restocked.event.js';
export {
  AuthorizePayment,
  PaymentAuthorized,
  PaymentRefused,
} from './payments/authorize-payment.command.js';
export {
  CapturePayment,
  CaptureRefused,
  PaymentCaptured,
} from './payments/capture-payment.command.js';
export { PaymentVoided, VoidPayment } from './payments/void-payment.command.js';
export { PaymentRefunded } from './payments/payment-refunded.event.js';
export { CreateShipment, ShipmentCreated } from './shipping/create-shipment.command.js';
export { ShipmentDispatched } from './shipping/shipment-dispatched.event.js';
export { ShipmentCancelled } from './shipping/shipment-cancelled.event.js';
