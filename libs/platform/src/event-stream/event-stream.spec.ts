import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { settle, VirtualClock } from '@rookery/core/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EventStream, TooManyStreamsError } from './event-stream.js';

let server: Server;
let url: string;
let accept: (request: IncomingMessage, response: ServerResponse) => void;

beforeEach(async () => {
  server = createServer((request, response) => accept(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});
afterEach(() => {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(resolve));
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await settle();
}

/** Reads a stream as text, piece by piece. */
async function listen(headers: Record<string, string> = {}) {
  const abort = new AbortController();
  const response = await fetch(url, { headers, signal: abort.signal });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  return { response, next: async () => (await reader.read()).value, abort };
}

describe('a stream of events', () => {
  it('begins with what the client missed and goes on with what happens', async () => {
    const stream = new EventStream({ clock: new VirtualClock() });
    accept = (request, response) => {
      const missed = request.headers['last-event-id'];
      stream.add(response, [{ event: 'hello', data: { missed }, id: '7' }]);
    };
    const { response, next } = await listen({ 'last-event-id': '6' });
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(await next()).toBe('id: 7\nevent: hello\ndata: {"missed":"6"}\n\n');
    stream.send({ event: 'change', data: 'two\nlines' });
    expect(await next()).toBe('event: change\ndata: "two\\nlines"\n\n');
    stream.close();
    expect(await next()).toBeUndefined();
  });

  it('keeps idle connections open and leaves no timer behind', async () => {
    const clock = new VirtualClock();
    const stream = new EventStream({ clock, heartbeatMs: 1_000 });
    accept = (_, response) => stream.add(response);
    const { next, abort } = await listen();
    await clock.advance(1_000);
    expect(await next()).toBe(':\n\n');
    abort.abort();
    await until(() => stream.size === 0);
    expect(clock.pending).toBe(0);
  });

  it('refuses more clients than it may hold, and any after it closed', async () => {
    const stream = new EventStream({ clock: new VirtualClock(), maxClients: 1 });
    let refused = 0;
    accept = (_, response) => {
      try {
        stream.add(response);
      } catch (error) {
        expect(error).toBeInstanceOf(TooManyStreamsError);
        refused++;
        response.writeHead(503).end();
      }
    };
    await listen();
    expect((await fetch(url)).status).toBe(503);
    stream.close();
    expect((await fetch(url)).status).toBe(503);
    expect(refused).toBe(2);
  });

  it('drops a client that does not read instead of queueing for it', async () => {
    const stream = new EventStream({ clock: new VirtualClock(), maxBacklog: 100_000 });
    accept = (_, response) => stream.add(response);
    const { port } = server.address() as AddressInfo;
    const socket: Socket = connect(port, '127.0.0.1', () =>
      socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
    );
    socket.on('error', () => {});
    socket.pause();
    await until(() => stream.size === 1);
    const data = 'x'.repeat(50_000);
    for (let sent = 0; stream.size > 0; sent++) {
      expect(sent).toBeLessThan(2_000);
      stream.send({ event: 'e', data });
      await settle();
    }
    socket.destroy();
    stream.close();
  });
});
