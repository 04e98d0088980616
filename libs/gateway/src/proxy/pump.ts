import type { Readable } from 'node:stream';
import type { ServerResponse } from 'node:http';
import { AbortedError } from '@rookery/core';

/**
 * Passes a body on to a client, no faster than the client reads. Like `stream.pipeline`, which makes
 * and throws away an AbortController and an exception with a stack for each call.
 *
 * @throws the source's error, or AbortedError when the client leaves; both streams are destroyed then
 */
export function pump(source: Readable, target: ServerResponse): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      source.off('error', fail).on('error', ignore).destroy();
      target.off('close', left).destroy();
      reject(error);
    };
    const left = (): void => {
      if (target.writableFinished) resolve();
      else fail(new AbortedError('request'));
    };
    source.once('error', fail);
    target.once('close', left);
    target.once('finish', () => {
      target.off('close', left);
      resolve();
    });
    source.pipe(target);
  });
}

function ignore(): void {}
