import type { CommandContract, EventContract, MessageContract } from '../contract/contract.js';
import type { Traffic } from '../contract/traffic/traffic.js';
import { asyncApiMessage, payloadSchema } from './asyncapi-message.js';

/** What an AsyncAPI document is made from. */
export interface ServiceMessages {
  readonly service: string;
  readonly version: string;
  /** What its classes take and send. */
  readonly traffic: Traffic;
  /** The contracts it owns: it publishes the events among them. */
  readonly owned: readonly MessageContract[];
}

/** A document of AsyncAPI 3.1. */
export interface AsyncApiDocument {
  readonly asyncapi: '3.1.0';
  readonly info: Readonly<Record<string, unknown>>;
  readonly defaultContentType: string;
  readonly channels: Readonly<Record<string, unknown>>;
  readonly operations: Readonly<Record<string, unknown>>;
  readonly components: Readonly<Record<'messages' | 'schemas', Readonly<Record<string, unknown>>>>;
}

type Keyed = EventContract | CommandContract;

interface Channel {
  address: string | null;
  messages: Record<string, unknown>;
  bindings?: unknown;
}

const BINDING = '0.5.0';

/**
 * What a service says and hears, as AsyncAPI 3.1 (https://www.asyncapi.com/docs/reference/specification/v3.1.0):
 * the events it owns and the commands its classes declare to send, and what its handlers take, each in
 * the newest version, with CloudEvents headers, Kafka bindings and the extensions of EventCatalog.
 */
export function asyncApiDocument(input: ServiceMessages): AsyncApiDocument {
  return new Writer(input).document();
}

class Writer {
  readonly #channels: Record<string, Channel> = {};
  readonly #operations: Record<string, unknown> = {};
  readonly #messages: Record<string, unknown> = {};
  readonly #schemas: Record<string, unknown> = {};

  constructor(private readonly input: ServiceMessages) {}

  document(): AsyncApiDocument {
    const { service, version, traffic, owned } = this.input;
    for (const event of owned) {
      if (event.kind === 'event') this.#operation('send', event);
    }
    for (const command of traffic.sends) this.#operation('send', command);
    const replies = new Set(traffic.sends.flatMap((command) => command.replies.map((r) => r.name)));
    for (const { contract } of traffic.handles) {
      // Replies belong to the operation that asked for them.
      if (contract.kind !== 'reply') this.#operation('receive', contract);
      else if (!replies.has(contract.name)) this.#message(contract);
    }
    return {
      asyncapi: '3.1.0',
      info: {
        title: service,
        version,
        description: `The messages that the service ${service} publishes, sends and handles.`,
      },
      defaultContentType: 'application/json',
      channels: inOrder(this.#channels),
      operations: inOrder(this.#operations),
      components: { messages: inOrder(this.#messages), schemas: inOrder(this.#schemas) },
    };
  }

  #operation(action: 'send' | 'receive', contract: Keyed): void {
    const { name, topic } = contract;
    const channel = this.#channel(topic, topic, contract);
    this.#operations[`${action}.${name}`] ??= {
      action,
      channel: { $ref: `#/channels/${topic}` },
      messages: [channel],
      ...(contract.kind === 'command' ? { reply: this.#reply(contract) } : {}),
    };
  }

  /** The answers to a command; whoever sends it says where they go. */
  #reply(command: CommandContract): unknown {
    const id = `${command.name}.replies`;
    return {
      address: { location: '$message.header#/rk_replyto' },
      channel: { $ref: `#/channels/${id}` },
      messages: command.replies.map((reply) => this.#channel(id, null, reply)),
    };
  }

  #channel(id: string, address: string | null, contract: MessageContract): { $ref: string } {
    this.#message(contract);
    const channel = (this.#channels[id] ??= {
      address,
      messages: {},
      ...(address === null
        ? {}
        : { bindings: { kafka: { topic: address, bindingVersion: BINDING } } }),
    });
    channel.messages[contract.name] ??= { $ref: `#/components/messages/${contract.name}` };
    return { $ref: `#/channels/${id}/messages/${contract.name}` };
  }

  #message(contract: MessageContract): void {
    const { name } = contract;
    const schema = payloadSchema(contract);
    if (schema !== undefined) this.#schemas[name] ??= schema;
    this.#messages[name] ??= asyncApiMessage(contract, this.input.service, schema !== undefined);
  }
}

function inOrder<T>(entries: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(entries).sort(([a], [b]) => (a < b ? -1 : 1)));
}
