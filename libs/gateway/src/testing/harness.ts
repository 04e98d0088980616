import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { afterEach } from 'vitest';
import { GatewayUnderTest, UpstreamUnderTest, type GatewaySetup } from './gateway-under-test.js';

type Handler = Parameters<typeof UpstreamUnderTest.start>[0];

/** Starts gateways and upstreams for the tests of a file, and stops them after each. */
export class Harness {
  readonly #stops: (() => Promise<unknown>)[] = [];

  constructor() {
    afterEach(async () => {
      for (const stop of this.#stops.splice(0)) await stop();
    });
  }

  /** Something else to stop, after the gateways. */
  onStop(stop: () => Promise<unknown>): void {
    this.#stops.push(stop);
  }

  async upstream(handler?: Handler): Promise<UpstreamUnderTest> {
    const started = await UpstreamUnderTest.start(handler);
    this.#stops.push(() => started.stop());
    return started;
  }

  async gateway(setup: GatewaySetup): Promise<GatewayUnderTest> {
    const started = await GatewayUnderTest.start(setup);
    this.#stops.unshift(() => started.stop());
    return started;
  }

  /** A gateway with one public route of everything to one upstream. */
  async open(
    handler?: Handler,
    more: Record<string, unknown> = {},
    route: Record<string, unknown> = {},
  ): Promise<{ gate: GatewayUnderTest; up: UpstreamUnderTest }> {
    const up = await this.upstream(handler);
    const all = { id: 'all', uri: 'lb://things', predicates: ['Path=/**'], auth: { public: true } };
    const gate = await this.gateway({
      gateway: { routes: [{ ...all, ...route }], ...more },
      services: { things: [up.origin] },
    });
    return { gate, up };
  }
}

/** The origin of a port on which nobody listens. */
export async function closedPort(): Promise<string> {
  const server = createTcpServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}`;
}
