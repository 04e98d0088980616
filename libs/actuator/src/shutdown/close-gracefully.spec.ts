import { once } from 'node:events';
import { Agent, request, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { VirtualClock } from '@rookery/core/testing';
import Fastify, { type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { closeGracefully, trackResponses } from './close-gracefully.js';

let fastify: FastifyInstance;
let port: number;
let agent: Agent;
let clock: VirtualClock;
/** Ends the requests that wait. */
let release: () => void;
let waiting: number;

beforeEach(async () => {
  clock = new VirtualClock();
  agent = new Agent({ keepAlive: true });
  waiting = 0;
  const released = new Promise<void>((resolve) => (release = resolve));
  fastify = Fastify();
  trackResponses(fastify);
  fastify.get('/now', async () => 'now');
  fastify.get('/later', async () => {
    waiting++;
    await released;
    return 'later';
  });
  fastify.get('/begun', async (_request, reply) => {
    reply.hijack();
    reply.raw.writeHead(200, { 'content-length': '10' });
    reply.raw.write('begun');
    waiting++;
    await released;
    reply.raw.end(' ende');
  });
  fastify.get('/events', async (_request, reply) => {
    reply.hijack();
    reply.raw.setHeader('content-type', 'text/event-stream');
    reply.raw.write('data: 1\n\n');
    waiting++;
  });
  await fastify.listen({ port: 0, host: '127.0.0.1' });
  ({ port } = fastify.server.address() as AddressInfo);
});

afterEach(async () => {
  release();
  agent.destroy();
  await fastify.close();
});

async function get(path: string): Promise<{ response: IncomingMessage; body: Promise<string> }> {
  const sent = request({ port, path, agent, host: '127.0.0.1' }).end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const body = (async () => {
    let text = '';
    for await (const chunk of response) text += String(chunk);
    return text;
  })();
  body.catch(() => {});
  return { response, body };
}

const close = (signal = new AbortController().signal) =>
  closeGracefully(fastify, signal, { clock, limit: '10s' });

describe('closing a server', () => {
  it('finishes what is in flight, says Connection: close, and takes nothing new', async () => {
    const pending = [get('/later'), get('/later')];
    await expect.poll(() => waiting).toBe(2);
    const closed = close();
    const refused = connect(port, '127.0.0.1');
    const [error] = (await once(refused, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNREFUSED');
    release();
    for (const { response, body } of await Promise.all(pending)) {
      expect(response.statusCode).toBe(200);
      expect(response.headers.connection).toBe('close');
      expect(await body).toBe('later');
    }
    await closed;
    expect(clock.pending).toBe(0);
  });

  it('does not wait for idle connections', async () => {
    const { response, body } = await get('/now');
    expect(response.headers.connection).toBe('keep-alive');
    await body;
    await close();
  });

  it('does not wait for a connection that has not sent anything yet', async () => {
    const accepted = once(fastify.server, 'connection');
    const socket = connect(port, '127.0.0.1');
    await accepted;
    const closed = once(socket, 'close');
    await close();
    await closed;
    expect(clock.pending).toBe(0);
  });

  it('does not wait for a connection whose answer was begun before', async () => {
    const { body } = await get('/begun');
    const closed = close();
    release();
    expect(await body).toBe('begun ende');
    await closed;
  });

  it('ends event streams at once', async () => {
    const { body } = await get('/events');
    await close();
    await expect(body).rejects.toThrow('aborted');
  });

  it.each([
    ['after the limit', async () => clock.advance(10_000)],
    ['when told to hurry', async (hurry: AbortController) => hurry.abort()],
  ])('cuts what is left %s', async (_when, end) => {
    const stuck = get('/later');
    stuck.catch(() => {});
    await expect.poll(() => waiting).toBe(1);
    const hurry = new AbortController();
    let closed = false;
    const closing = close(hurry.signal).then(() => (closed = true));
    await clock.advance(0);
    expect(closed).toBe(false);
    await end(hurry);
    await closing;
    await expect(stuck).rejects.toThrow('socket hang up');
  });

  it('is done at once when there is nothing to close', async () => {
    await close();
    await close();
    await close(AbortSignal.abort());
    expect(fastify.server.listening).toBe(false);
  });

  it('works for a server that is not tracked', async () => {
    const other = Fastify();
    let open: ServerResponse | undefined;
    other.get('/', async (_request, reply) => {
      open = reply.raw;
      return 'x';
    });
    await other.listen({ port: 0, host: '127.0.0.1' });
    const { port: at } = other.server.address() as AddressInfo;
    await (await fetch(`http://127.0.0.1:${at}/`)).text();
    await closeGracefully(other, new AbortController().signal);
    expect(open?.writableFinished).toBe(true);
  });
});
