import { describe, expect, it } from 'vitest';
import { apiVersionsApi } from '../protocol/apis/cluster.api.js';
import { ErrorCode } from '../protocol/error-code.js';
import { ProtocolClient } from '../testing/protocol-client.js';
import { connect } from '../testing/raw-broker.js';

describe('ApiVersions', () => {
  it.each([0, 1, 2, 3])('lists what is served, in version %i', async (version) => {
    const [client] = await connect();
    const { errorCode, apis } = await client.call(apiVersionsApi, version, {});
    expect(errorCode).toBe(0);
    expect(apis).toHaveLength(33);
    expect(apis).toContainEqual({ key: 0, minVersion: 0, maxVersion: 9 });
    expect(apis).toContainEqual({ key: 1, minVersion: 4, maxVersion: 12 });
  });

  it('answers a version of the future in the oldest form', async () => {
    const [client] = await connect();
    const reader = await client.raw(18, 99);
    const answer = apiVersionsApi.response.read(reader, 0, false);
    expect(reader.remaining).toBe(0);
    expect(answer.errorCode).toBe(ErrorCode.UNSUPPORTED_VERSION);
    expect(answer.apis).toHaveLength(33);
  });
});

describe('what breaks the protocol', () => {
  it.each([
    ['an unknown api', 999, 0],
    ['a version too old', 0, 2],
    ['a version too new', 1, 13],
    ['a body cut off', 3, 1],
  ] as [string, number, number][])('closes the connection on %s', async (_what, key, version) => {
    const lines: string[] = [];
    const [client] = await connect({ log: (line) => lines.push(line) });
    await expect(client.raw(key, version, Buffer.alloc(0))).rejects.toThrow('connection closed');
    expect(lines.at(-1)).toMatch(/^connection closed: /);
  });

  it('ignores bytes left over, as Kafka does', async () => {
    const [client] = await connect();
    // What librdkafka 2.16 sends to ask for all topics: its null array is three bytes too long.
    const answer = await client.raw(3, 12, Buffer.from('0000000000010000', 'hex'));
    expect(answer.remaining).toBeGreaterThan(0);
  });

  it('closes the connection on a request that is too large, before it arrives', async () => {
    const [client] = await connect({ maxRequestBytes: 2_048 });
    client.write(Buffer.from('00000801', 'hex'));
    await expect(client.closed).resolves.toBeDefined();
  });

  it('goes on serving the others', async () => {
    const [bad, broker] = await connect();
    const good = await ProtocolClient.connect(broker.port);
    bad.write(Buffer.from('ffffffff', 'hex'));
    await bad.closed;
    expect((await good.call(apiVersionsApi, 0, {})).errorCode).toBe(0);
  });

  it('refuses connections beyond the limit', async () => {
    const [first, broker] = await connect({ maxConnections: 1 });
    const second = await ProtocolClient.connect(broker.port);
    await second.closed;
    expect((await first.call(apiVersionsApi, 0, {})).errorCode).toBe(0);
  });
});
