import type { Dispatcher } from 'undici';
import { UnexpectedResponseError } from '../http-client.errors.js';
import type { HttpRequest } from './http-request.js';

/**
 * Reads an answer to its end, so that the connection can be used again.
 *
 * @returns JSON as its value, other text as it is, nothing as `undefined`
 * @throws UnexpectedResponseError when it is longer than `limit` bytes, or no JSON though it says so
 */
export async function readBody(
  { body, headers }: Dispatcher.ResponseData,
  limit: number,
  { serviceId, method, template }: HttpRequest,
): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > limit) {
      body.destroy();
      throw new UnexpectedResponseError(
        serviceId,
        `${method} ${template}`,
        `more than ${limit} bytes`,
      );
    }
    chunks.push(chunk);
  }
  if (size === 0) return undefined;
  const text = Buffer.concat(chunks, size).toString('utf8');
  if (!/[/+]json\b/.test(String(headers['content-type']))) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new UnexpectedResponseError(serviceId, `${method} ${template}`, 'broken JSON', error);
  }
}
