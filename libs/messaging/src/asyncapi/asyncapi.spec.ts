import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Ajv } from 'ajv';
import addFormats from 'ajv-formats';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineCommand, defineEvent, defineReply } from '../contract/define-contract.js';
import { declareTraffic, Sends, trafficOf } from '../contract/traffic/traffic.js';
import { trafficOfModule } from '../contract/traffic/module-traffic.js';
import { OnCommand } from '../handler/on-command.decorator.js';
import { OnEvent } from '../handler/on-event.decorator.js';
import { OnEvents } from '../handler/on-events.decorator.js';
import { OnTombstone } from '../handler/on-tombstone.decorator.js';
import { reply } from '../handler/reply.js';
import { asyncApiDocument, type AsyncApiDocument } from './asyncapi-document.js';

const require = createRequire(import.meta.url);
const official = JSON.parse(
  readFileSync(require.resolve('@asyncapi/specs/schemas/3.1.0-without-$id.json'), 'utf8'),
) as object;
const ajv = new Ajv({ strict: false, allErrors: true, logger: false });
addFormats.default(ajv);
const valid = ajv.compile(official);

interface Node {
  name: string;
  children: Node[];
}
const Tree: z.ZodType<Node> = z.object({
  name: z.string(),
  get children() {
    return z.array(Tree);
  },
});
const Grown = defineEvent('wood.grown', {
  topic: 'wood.events',
  owner: 'wood',
  key: (data) => data.tree.name,
  versions: { 1: z.object({ old: z.string() }), 2: z.object({ tree: Tree, at: z.iso.datetime() }) },
  upcast: { 1: ({ old }) => ({ tree: { name: old, children: [] }, at: '2026-01-01T00:00:00Z' }) },
});
const Done = defineReply('wood.done', {
  owner: 'wood',
  outcome: 'success',
  versions: { 1: z.object({ id: z.string() }) },
});
const Cut = defineCommand('wood.cut', {
  owner: 'wood',
  key: (data) => data.id,
  versions: { 1: z.object({ id: z.string() }) },
  replies: [Done],
});
const Foreign = defineEvent('rain.fell', {
  topic: 'rain.events',
  owner: 'rain',
  key: (data) => data.place,
  versions: { 1: z.object({ place: z.string(), litres: z.number().nullable() }) },
});

class Handlers {
  @OnEvent(Foreign, { uses: ['place'] })
  async rained(data: { place: string }): Promise<string> {
    return data.place;
  }

  @OnCommand(Cut)
  async cut() {
    return reply(Done, { id: '1' });
  }
}
@Sends(Cut)
class Asking {}

const document = (type: abstract new () => object, service = 'wood'): AsyncApiDocument =>
  asyncApiDocument({
    service,
    version: '1.2.3',
    traffic: trafficOf(type.prototype as object),
    owned: service === 'wood' ? [Grown, Cut, Done] : [],
  });

describe('an AsyncAPI document', () => {
  it.each<[string, AsyncApiDocument]>([
    ['a service that publishes and handles', document(Handlers)],
    ['a service that sends commands', document(Asking, 'forester')],
    ['a service without messages', document(class {}, 'mute')],
  ])('is valid by the schema of AsyncAPI: %s', (_what, made) => {
    const ok = valid(JSON.parse(JSON.stringify(made)));
    expect(valid.errors?.slice(0, 3) ?? []).toEqual([]);
    expect(ok).toBe(true);
  });

  it('would not be by chance', () => {
    const made = JSON.parse(JSON.stringify(document(Handlers))) as { operations: object };
    expect(valid({ ...made, operations: { x: { action: 'shout' } } })).toBe(false);
    expect(valid({ ...made, channels: { c: { messages: { m: { payload: 7 } } } } })).toBe(false);
  });

  it('says what is sent and received, and how', () => {
    const { channels, operations, components } = document(Handlers);
    expect(Object.keys(operations)).toEqual([
      'receive.rain.fell',
      'receive.wood.cut',
      'send.wood.grown',
    ]);
    expect(operations).toMatchObject({
      'send.wood.grown': { action: 'send', channel: { $ref: '#/channels/wood.events' } },
      'receive.wood.cut': {
        reply: {
          address: { location: '$message.header#/rk_replyto' },
          messages: [{ $ref: '#/channels/wood.cut.replies/messages/wood.done' }],
        },
      },
    });
    expect(channels).toMatchObject({
      'wood.events': { address: 'wood.events', bindings: { kafka: { topic: 'wood.events' } } },
      'wood.cut.replies': { address: null },
    });
    expect(components.messages).toMatchObject({
      'wood.grown': {
        correlationId: { location: '$message.header#/x-correlation-id' },
        headers: {
          properties: { ce_type: { const: 'wood.grown' }, ce_dataversion: { const: '2' } },
        },
        bindings: { kafka: { key: { description: 'tree.name' } } },
        'x-eventcatalog-message-type': 'event',
        'x-eventcatalog-role': 'provider',
      },
      'wood.cut': { 'x-eventcatalog-message-type': 'command' },
      'rain.fell': { 'x-eventcatalog-role': 'client' },
    });
  });

  it('has references that lead somewhere, recursive schemas included', () => {
    const made = document(Handlers) as unknown as Record<string, unknown>;
    const references = [...JSON.stringify(made).matchAll(/"\$ref":"([^"]+)"/g)].map(([, to]) => to);
    expect(references.length).toBeGreaterThan(8);
    for (const reference of references) {
      const found = String(reference)
        .slice(2)
        .split('/')
        .reduce<unknown>((at, part) => (at as Record<string, unknown> | undefined)?.[part], made);
      expect(found, reference).toBeDefined();
    }
  });

  it('shows an example that the schema takes', () => {
    const { components } = document(Handlers);
    for (const [name, message] of Object.entries(components.messages)) {
      const { examples } = message as { examples: { payload: unknown }[] };
      const fits = ajv.compile({ $ref: `#/components/schemas/${name}`, components });
      expect(fits(examples[0]?.payload), name).toBe(true);
    }
  });
});

describe('traffic', () => {
  it('is told by decorators, with the fields that are used', () => {
    expect(trafficOf(Handlers.prototype).handles).toEqual([
      { contract: Foreign, consumer: 'Handlers.rained', uses: ['place'] },
      { contract: Cut, consumer: 'Handlers.cut', uses: undefined },
    ]);
    expect(trafficOf(Asking.prototype).sends).toEqual([Cut]);
    class Ends {
      @OnTombstone(Foreign)
      async ended(): Promise<void> {}

      @OnEvents(Foreign)
      async many(): Promise<void> {}
    }
    expect(trafficOf(Ends.prototype).handles).toEqual([
      { contract: Foreign, consumer: 'Ends.ended', uses: [] },
      { contract: Foreign, consumer: 'Ends.many', uses: undefined },
    ]);
  });

  it('is found in all modules that a module imports, however they are given', async () => {
    class Other {}
    declareTraffic(Other, () => ({ handles: [{ contract: Grown, consumer: 'x' }], sends: [] }));
    class Feature {}
    class Late {}
    class App {}
    Reflect.defineMetadata('providers', [{ provide: 'h', useClass: Handlers }], Feature);
    Reflect.defineMetadata('controllers', [Other], Late);
    Reflect.defineMetadata('imports', [{ forwardRef: () => App }], Late);
    const dynamic = Promise.resolve({ module: Late, providers: [Asking] });
    Reflect.defineMetadata('imports', [Feature, dynamic, undefined], App);
    const { handles, sends } = await trafficOfModule(App);
    expect(handles.map(({ consumer }) => consumer)).toEqual([
      'Handlers.rained',
      'Handlers.cut',
      'x',
    ]);
    expect(sends).toEqual([Cut]);
  });
});
