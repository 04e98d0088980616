export { HttpClient, type HttpClientOptions } from './client/http-client.decorator.js';
export {
  Body,
  Delete,
  Get,
  Header,
  Patch,
  Path,
  Post,
  Put,
  Query,
  Returns,
} from './client/operation.decorator.js';
export { exchange, TRANSPORT, type Transport } from './client/exchange.js';
export { type ClientAuth, type HttpRequest } from './exchange/http-request.js';
export {
  Exchanger,
  type ExchangerParts,
  type InstanceChooser,
  type InstanceLease,
  type TokenSource,
} from './exchange/exchanger.js';
export { ConnectionPools } from './exchange/connection-pools.js';
export { HttpClientModule } from './http-client.module.js';
export { httpClientSchema, type HttpClientConfig } from './http-client.options.js';
export {
  ClientDeclarationError,
  ConnectionError,
  RemoteError,
  UnexpectedResponseError,
} from './http-client.errors.js';
