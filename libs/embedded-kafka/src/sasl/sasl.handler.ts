import { saslAuthenticateApi, saslHandshakeApi } from '../protocol/apis/sasl.api.js';
import { route, type Route } from '../server/route.js';

/** Authentication; who is not through with it is stopped before any other route. */
export function saslRoutes(): Route[] {
  return [
    route(saslHandshakeApi, ({ mechanism }, { session, version }) =>
      session.handshake(mechanism, version === 0),
    ),
    route(saslAuthenticateApi, ({ token }, { session }) => session.authenticate(token)),
  ];
}
