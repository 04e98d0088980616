import { connect, createServer, type AddressInfo } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { isPortFree, PortAllocator } from './free-port.js';

let ports = new PortAllocator();

afterEach(() => ports.releaseAll());

/** A port that was free a moment ago. */
async function somePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

it('gives the wanted port once, and then the next ones', async () => {
  ports = new PortAllocator();
  const wanted = await somePort();
  const first = await ports.take('a', wanted);
  const second = await ports.take('b', wanted);
  expect(first).toBe(wanted);
  expect(second).toBeGreaterThan(wanted);
});

it('keeps a port from everybody until it is released, and answers nobody on it', async () => {
  ports = new PortAllocator();
  const port = await ports.take('a', await somePort());
  expect(await isPortFree(port)).toBe(false);
  expect(await new PortAllocator().take('other', port)).not.toBe(port);
  const closed = await new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined).on('close', () => resolve(true));
  });
  expect(closed).toBe(true);
  ports.release(port);
  expect(await isPortFree(port)).toBe(true);
});

it('refuses a port in use that was asked for by name, and keeps such ports from others', async () => {
  const named = await somePort();
  ports = new PortAllocator(new Map([['a', named]]));
  expect(await ports.take('b', named)).not.toBe(named);
  expect(await ports.take('a', 1)).toBe(named);
  await expect(ports.take('a', 1)).rejects.toThrow(`port ${named} for a is in use: stop the`);
});
