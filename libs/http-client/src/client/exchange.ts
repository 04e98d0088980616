import { AsyncLocalStorage } from 'node:async_hooks';
import { activeCall } from '@rookery/resilience';
import type { HttpRequest } from '../exchange/http-request.js';
import { ClientDeclarationError } from '../http-client.errors.js';
import { clientOf, type OperationDeclaration } from './client-metadata.js';
import { buildRequest } from './request-builder.js';

/** Sends the requests of clients. */
export interface Transport {
  send(request: HttpRequest): Promise<unknown>;
}

/** Where a client instance finds its {@link Transport}; each app injects its own. */
export const TRANSPORT = Symbol.for('rookery:http-client:transport');

interface Call {
  readonly client: object;
  readonly operation: OperationDeclaration;
  readonly args: readonly unknown[];
}

const calls = new AsyncLocalStorage<Call>();

/** Runs a method's body so that {@link exchange} within it knows the call. */
export function runOperation<T>(
  client: object,
  operation: OperationDeclaration,
  args: readonly unknown[],
  body: () => T,
): T {
  return calls.run({ client, operation, args }, body);
}

/**
 * Sends the request that the decorators of the calling method describe, with the arguments of the
 * call, and gives the answer. Only for methods with `@Get` and its like; they may do more, such as
 * converting the answer.
 *
 * @throws RemoteError when the service answers 400 or more
 * @throws ConnectionError when it cannot be reached
 * @throws UnexpectedResponseError when the answer is not what was agreed
 * @throws TimeoutError, AbortedError when it takes too long or the caller gave up
 */
export async function exchange<T>(): Promise<T> {
  const call = calls.getStore();
  if (call === undefined) {
    throw new ClientDeclarationError(
      'exchange() was called outside of a method with @Get or the like',
    );
  }
  const { client, operation, args } = call;
  const declaration = clientOf(client.constructor);
  if (declaration === undefined) {
    throw new ClientDeclarationError(`${client.constructor.name} has no @HttpClient`);
  }
  const transport = (client as Record<symbol, Transport | undefined>)[TRANSPORT];
  if (transport === undefined) {
    throw new ClientDeclarationError(
      `${client.constructor.name} was not made by Nest: provide it with HttpClientModule.forFeature()`,
    );
  }
  const request = buildRequest(declaration, operation, args);
  // Within a request the context has it too; a job in the background has only this.
  const signal = activeCall()?.signal;
  return (await transport.send({ ...request, signal })) as T;
}
