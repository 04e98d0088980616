import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { PROBLEM_JSON, problemOf } from '@rookery/core';
import {
  HeadersTooLargeError,
  MalformedRequestError,
  RequestTimeoutError,
} from '../gateway.errors.js';

/**
 * Answers what Node's parser refuses with a problem document. There is no request yet, so no trace
 * either; the connection ends, because nobody can tell where the next request would begin.
 */
export function answerClientErrors(server: Server): void {
  server.removeAllListeners('clientError');
  server.on('clientError', (error: NodeJS.ErrnoException, stream) => {
    const socket = stream as Socket;
    if (error.code === 'ECONNRESET' || !socket.writable) {
      socket.destroy();
      return;
    }
    const problem = problemOf(refusalOf(error));
    const body = JSON.stringify(problem);
    socket.end(
      `HTTP/1.1 ${problem.status} ${problem.title}\r\ncontent-type: ${PROBLEM_JSON}\r\n` +
        `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
    );
  });
}

function refusalOf({ code }: NodeJS.ErrnoException): Error {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new HeadersTooLargeError();
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new RequestTimeoutError();
    default:
      return new MalformedRequestError('the request is no valid HTTP/1.1');
  }
}
