import { channel } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { DEFAULT_DRIVER_OPTIONS } from '../driver/driver.options.js';
import { KafkajsClient } from './kafkajs-client.js';

it('keeps no listeners on a connection that is closed, however often kafkajs lets go of it', async () => {
  const server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const sockets: Socket[] = [];
  const opened = (message: unknown): void =>
    void sockets.push((message as { socket: Socket }).socket);
  channel('net.client.socket').subscribe(opened);
  onTestFinished(() => void channel('net.client.socket').unsubscribe(opened));
  const client = new KafkajsClient(
    { ...DEFAULT_DRIVER_OPTIONS, brokers: [`127.0.0.1:${port}`], clientId: 'spec' },
    () => {},
  );
  await expect(client.kafka.admin().connect()).rejects.toThrow('Closed connection');
  client.cut();
  const ours = sockets.filter(({ readyState }) => readyState === 'closed');
  expect(ours).not.toEqual([]);
  for (const socket of ours) {
    const before = socket.listenerCount('connect');
    for (let i = 0; i < 20; i += 1) socket.unref();
    expect(socket.listenerCount('connect')).toBe(before);
  }
});
