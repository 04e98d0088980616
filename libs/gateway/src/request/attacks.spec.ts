import { connect, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { Harness } from '../testing/harness.js';

const harness = new Harness();

describe('attacks over raw sockets', () => {
  const request = (lines: string[], body = ''): string => `${lines.join('\r\n')}\r\n\r\n${body}`;
  const cases: Record<string, { send: string; status: number }> = {
    'Content-Length with Transfer-Encoding': {
      send: request(
        ['POST / HTTP/1.1', 'Host: x', 'Content-Length: 4', 'Transfer-Encoding: chunked'],
        '0\r\n\r\n',
      ),
      status: 400,
    },
    'two different Content-Lengths': {
      send: request(['POST / HTTP/1.1', 'Host: x', 'Content-Length: 1', 'Content-Length: 2'], 'ab'),
      status: 400,
    },
    'an unknown Transfer-Encoding': {
      send: request(['POST / HTTP/1.1', 'Host: x', 'Transfer-Encoding: xchunked'], '0\r\n\r\n'),
      status: 400,
    },
    'a space before the colon': {
      send: request(['GET / HTTP/1.1', 'Host: x', 'X-A : 1']),
      status: 400,
    },
    'a folded header': {
      send: request(['GET / HTTP/1.1', 'Host: x', 'X-A: 1', ' 2']),
      status: 400,
    },
    'a bare line feed': { send: 'GET / HTTP/1.1\nHost: x\n\n', status: 400 },
    'a NUL in a header': { send: request(['GET / HTTP/1.1', 'Host: x', 'X-A: a\0b']), status: 400 },
    'two Hosts': {
      send: request(['GET / HTTP/1.1', 'Host: x', 'Host: y', 'Connection: close']),
      status: 400,
    },
    'a Host that is none': {
      send: request(['GET / HTTP/1.1', 'Host: x/../y', 'Connection: close']),
      status: 400,
    },
    'the absolute target of another host': {
      send: request(['GET http://evil.test/ HTTP/1.1', 'Host: x', 'Connection: close']),
      status: 421,
    },
    'a path that climbs': {
      send: request(['GET /a/..%2fmanage HTTP/1.1', 'Host: x', 'Connection: close']),
      status: 400,
    },
    'a path with backslashes': {
      send: request(['GET /a\\..\\manage HTTP/1.1', 'Host: x', 'Connection: close']),
      status: 400,
    },
    'a path with a NUL': {
      send: request(['GET /a%00.png HTTP/1.1', 'Host: x', 'Connection: close']),
      status: 400,
    },
    'the method TRACE': {
      send: request(['TRACE / HTTP/1.1', 'Host: x', 'Connection: close']),
      status: 405,
    },
    'a URL of 9 kB': {
      send: request([`GET /${'x'.repeat(9_000)} HTTP/1.1`, 'Host: x', 'Connection: close']),
      status: 414,
    },
    'headers of 17 kB': {
      send: request(['GET / HTTP/1.1', 'Host: x', `X-A: ${'x'.repeat(17_000)}`]),
      status: 431,
    },
    'a body longer than announced as allowed': {
      send: request([
        'POST / HTTP/1.1',
        'Host: x',
        'Content-Length: 99999999',
        'Connection: close',
      ]),
      status: 413,
    },
    'chunks beyond the limit': {
      send: request(
        ['POST / HTTP/1.1', 'Host: x', 'Transfer-Encoding: chunked'],
        `${'10000\r\n' + 'x'.repeat(65_536) + '\r\n'}`.repeat(17),
      ),
      status: 413,
    },
  };

  for (const [name, { send, status }] of Object.entries(cases)) {
    it(`answer ${name} with ${status} as a problem, and touch no upstream`, async () => {
      const { gate, up } = await harness.open();
      const answer = await gate.raw(send);
      expect(answer.slice(0, 60)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
      const [head, body] = answer.split('\r\n\r\n') as [string, string];
      expect(head).toMatch(/content-type: application\/problem\+json/i);
      expect(head).toMatch(/connection: close/i);
      const problem = JSON.parse(body) as Record<string, unknown>;
      expect(problem).toMatchObject({ status, code: expect.stringMatching(/^RKY_/) as string });
      expect(JSON.stringify(problem)).not.toMatch(/at .*\.ts|node_modules|stack/);
      expect(up.received).toHaveLength(0);
    });
  }

  it('without a Host are refused by the server itself', async () => {
    const { gate, up } = await harness.open();
    expect(await gate.raw('GET / HTTP/1.1\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
    expect(await gate.raw('GET / HTTP/1.0\r\n\r\n')).toMatch(/RKY_GW_MALFORMED_REQUEST/);
    expect(up.received).toHaveLength(0);
  });

  it('for hosts that are not served are answered with 421', async () => {
    const { gate } = await harness.open(undefined, { allowedHosts: ['shop.test'] });
    const ask = (host: string) =>
      gate.raw(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    expect(await ask('evil.test')).toMatch(/^HTTP\/1\.1 421 /);
    expect(await ask('SHOP.test:8080')).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('smuggled behind a refused body do not become a request', async () => {
    const { gate, up } = await harness.open(undefined, { bodyLimit: 10 });
    const answer = await gate.raw(
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 60\r\n\r\n' +
        'GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n'.padEnd(60, ' ') +
        'GET /second HTTP/1.1\r\nHost: x\r\n\r\n',
    );
    expect(answer.match(/HTTP\/1\.1 /g)).toHaveLength(1);
    expect(up.received).toHaveLength(0);
  });

  it('with a slow body do not hold an instance: the client’s own time runs', async () => {
    const { gate, up } = await harness.open();
    const socket: Socket = connect(gate.port, '127.0.0.1', () =>
      socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf'),
    );
    socket.on('error', () => {});
    await expect.poll(() => up.connections).toBe(1);
    socket.destroy();
    await expect
      .poll(() => gate.balancer.outcomes.map(([, outcome]) => outcome))
      .toEqual(['aborted']);
    expect(up.received).toHaveLength(0);
  });
});
