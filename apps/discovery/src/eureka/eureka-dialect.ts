import { PROBLEM_JSON } from '@rookery/core';
import type { FastifyInstance } from 'fastify';

const PREFIX = '/eureka';

/**
 * Bends the server to what Eureka's clients expect below `/eureka`: failures have no body, because
 * the Java client parses one and fails on its root name; requests that announce JSON and then send
 * none, as heartbeats often do, are taken as what they are.
 */
export function speakEureka(fastify: FastifyInstance): void {
  fastify.addHook('onRequest', (request, _reply, done) => {
    const { headers } = request.raw;
    const isEmpty =
      headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0;
    if (isEmpty && request.url.startsWith(PREFIX)) delete headers['content-type'];
    done();
  });
  fastify.addHook('onSend', (request, reply, payload, done) => {
    const isProblem = String(reply.getHeader('content-type')).startsWith(PROBLEM_JSON);
    if (!isProblem || !request.url.startsWith(PREFIX)) {
      done(null, payload);
      return;
    }
    reply.removeHeader('content-type');
    reply.header('content-length', 0);
    done(null, '');
  });
}
