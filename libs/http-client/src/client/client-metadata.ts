import type { z } from 'zod';
import type { ClientAuth } from '../exchange/http-request.js';

/** What `@HttpClient` says of a class. */
export interface ClientDeclaration {
  readonly serviceId: string;
  readonly auth: ClientAuth;
}

/** Where an argument of a method goes. */
export type ArgumentPlace =
  | { readonly kind: 'path' | 'query' | 'header'; readonly name: string; readonly index: number }
  | { readonly kind: 'body'; readonly index: number };

/** What the decorators of a method say. */
export interface OperationDeclaration {
  method?: string;
  template?: string;
  returns?: z.ZodType;
  readonly arguments: ArgumentPlace[];
}

const CLIENT = 'rookery:http-client';
const OPERATIONS = 'rookery:http-client:operations';

export function declareClient(target: object, declaration: ClientDeclaration): void {
  Reflect.defineMetadata(CLIENT, declaration, target);
}

export function clientOf(target: object): ClientDeclaration | undefined {
  return Reflect.getMetadata(CLIENT, target) as ClientDeclaration | undefined;
}

/** The operation of a method, to add to. */
export function operationFor(prototype: object, key: string | symbol): OperationDeclaration {
  let operations = Reflect.getOwnMetadata(OPERATIONS, prototype) as
    Map<string | symbol, OperationDeclaration> | undefined;
  if (operations === undefined) {
    operations = new Map();
    Reflect.defineMetadata(OPERATIONS, operations, prototype);
  }
  let operation = operations.get(key);
  if (operation === undefined) {
    operation = { arguments: [] };
    operations.set(key, operation);
  }
  return operation;
}
