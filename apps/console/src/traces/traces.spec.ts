import { describe, expect, it } from 'vitest';
import { InstanceError } from '../console.errors.js';
import type { InstanceClient, Target } from '../fleet/instance-client.js';
import type { Span } from './trace-view.js';
import { Traces } from './traces.js';

const span = (traceId: string, id: string, startMs: number, change: Partial<Span> = {}): Span => ({
  traceId,
  id,
  name: id,
  timestamp: startMs * 1_000,
  duration: 1_000,
  localEndpoint: { serviceName: 'orders' },
  ...change,
});

/** Traces over instances of which each answers with what is given, or fails. */
function tracesOf(answers: Record<string, unknown>): Traces {
  const target = (instanceId: string): Target => ({
    instanceId,
    host: 'x',
    port: 1,
    secure: false,
  });
  const source = {
    services: () => Object.keys(answers),
    instances: (service: string) => [target(service)],
  };
  const client = {
    get: async ({ instanceId }: Target) => {
      if (answers[instanceId] === undefined) throw new InstanceError('down');
      return answers[instanceId];
    },
  };
  return new Traces(source, client as unknown as InstanceClient);
}

describe('the list of traces', () => {
  it('joins what the instances know, the newest first', async () => {
    const traces = tracesOf({
      gateway: [[span('t2', 'a', 20)], [span('t1', 'b', 10)]],
      orders: [[span('t1', 'c', 11, { parentId: 'b' })]],
      broken: { not: 'a list' },
      down: undefined,
    });
    expect((await traces.list(10)).map(({ traceId, spans }) => [traceId, spans])).toEqual([
      ['t2', 1],
      ['t1', 2],
    ]);
    expect(await traces.list(1)).toHaveLength(1);
  });

  it('ends where an instance did not tell all that it knows', async () => {
    const busy = Array.from({ length: 100 }, (_, n) => [span(`t${n}`, 'a', 1_000 + n)]);
    const idle = [[span('t50', 'b', 1_050, { parentId: 'a' })], [span('old', 'c', 10)]];
    const listed = await tracesOf({ busy, idle }).list(500);
    expect(listed).toHaveLength(100);
    expect(listed.map(({ traceId }) => traceId)).not.toContain('old');
  });
});
