import type { HttpRequest } from '../exchange/http-request.js';
import { ClientDeclarationError } from '../http-client.errors.js';
import type { ClientDeclaration, OperationDeclaration } from './client-metadata.js';

/**
 * The request that a call of a declared operation stands for.
 *
 * @throws ClientDeclarationError when the declaration does not fit the arguments
 */
export function buildRequest(
  { serviceId, auth }: ClientDeclaration,
  operation: OperationDeclaration,
  args: readonly unknown[],
): HttpRequest {
  const { method = 'GET', template = '/', returns } = operation;
  const segments = new Map<string, string>();
  const query = new URLSearchParams();
  const headers: Record<string, string> = {};
  let body: unknown;
  for (const place of operation.arguments) {
    const value = args[place.index];
    if (place.kind === 'body') body = value;
    else if (place.kind === 'path')
      segments.set(place.name, segmentOf(place.name, value, template));
    else if (value === undefined || value === null) continue;
    else if (place.kind === 'header') headers[place.name.toLowerCase()] = textOf(value);
    else
      for (const item of Array.isArray(value) ? value : [value])
        query.append(place.name, textOf(item));
  }
  const path = template.replace(/:([A-Za-z]\w*)/g, (_match, name: string) => {
    const segment = segments.get(name);
    if (segment === undefined) {
      throw new ClientDeclarationError(`${method} ${template}: no argument has @Path('${name}')`);
    }
    return segment;
  });
  return {
    serviceId,
    method,
    template,
    path: query.size === 0 ? path : `${path}?${query.toString()}`,
    headers,
    body,
    auth,
    returns,
  };
}

/** An empty or dotted segment would change which resource the path means. */
function segmentOf(name: string, value: unknown, template: string): string {
  const text = value === undefined || value === null ? '' : textOf(value);
  if (text === '' || text === '.' || text === '..') {
    throw new ClientDeclarationError(`${template}: '${text}' is not allowed for :${name}`);
  }
  return encodeURIComponent(text);
}

function textOf(value: unknown): string {
  if (value instanceof Date) return value.toISOString();
  return typeof value === 'string' ? value : JSON.stringify(value);
}
