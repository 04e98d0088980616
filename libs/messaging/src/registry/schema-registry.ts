import { RookeryError } from '@rookery/core';
import { z } from 'zod';
import type { JsonSchema } from '../contract/compatibility/json-schema.js';

/** The registry refused, or did not answer as it should. */
export class SchemaRegistryError extends RookeryError {
  override readonly code = 'RKY_MSG_REGISTRY';
  override readonly title = 'Schema registry failed';

  constructor(
    message: string,
    /** The registry's own number of the error, 42201 for example; 0 when it gave none. */
    readonly errorCode: number,
    override readonly retryable: boolean,
    cause?: unknown,
  ) {
    super(message, { cause });
  }
}

/** How a {@link SchemaRegistry} is reached. */
export interface SchemaRegistryOptions {
  /** Its address, with the path of the API if that is not at the root. */
  readonly url: string;
  /** Credentials for HTTP Basic. */
  readonly basic?: { readonly user: string; readonly password: string } | undefined;
  /** Token for HTTP Bearer. */
  readonly token?: string | undefined;
  /** How long one request may take, in milliseconds. @default 10000 */
  readonly timeoutMs?: number;
}

const Failure = z.looseObject({
  error_code: z.number().default(0),
  message: z.string().default(''),
});
const Registered = z.looseObject({ id: z.int() });
const Stored = z.looseObject({ schema: z.string(), schemaType: z.string().default('AVRO') });
const Verdict = z.looseObject({
  is_compatible: z.boolean(),
  messages: z.array(z.string()).default([]),
});

const CONTENT_TYPE = 'application/vnd.schemaregistry.v1+json';
/** No schema is near this long; whoever answers with more is no registry. */
const MAX_ANSWER = 5_000_000;

/**
 * A client of the API that Confluent's Schema Registry has, and others speak
 * (https://docs.confluent.io/platform/current/schema-registry/develop/api.html), for JSON Schema.
 */
export class SchemaRegistry {
  readonly #base: string;
  readonly #headers: Record<string, string>;

  constructor(private readonly options: SchemaRegistryOptions) {
    this.#base = options.url.replace(/\/+$/, '');
    const { basic, token } = options;
    const given = basic && Buffer.from(`${basic.user}:${basic.password}`).toString('base64');
    const authorization = given ? `Basic ${given}` : token && `Bearer ${token}`;
    this.#headers = {
      accept: `${CONTENT_TYPE}, application/json`,
      'content-type': CONTENT_TYPE,
      ...(authorization ? { authorization } : {}),
    };
  }

  /**
   * Registers a schema as the newest of a subject; one that is there already keeps its id.
   *
   * @returns the id of the schema
   * @throws SchemaRegistryError
   */
  async register(subject: string, schema: JsonSchema, signal?: AbortSignal): Promise<number> {
    const path = `/subjects/${encodeURIComponent(subject)}/versions`;
    return (await this.#ask('POST', path, jsonSchema(schema), Registered, signal)).id;
  }

  /**
   * The schema with an id; `undefined` when there is none.
   *
   * @throws SchemaRegistryError
   */
  async schema(id: number, signal?: AbortSignal): Promise<JsonSchema | undefined> {
    const path = `/schemas/ids/${id}`;
    const stored = await this.#ask('GET', path, undefined, Stored, signal).catch(noneIf(40403));
    if (stored === undefined) return undefined;
    if (stored.schemaType !== 'JSON') {
      throw new SchemaRegistryError(
        `schema ${id} is ${stored.schemaType}, not JSON Schema`,
        0,
        false,
      );
    }
    try {
      return JSON.parse(stored.schema) as JsonSchema;
    } catch (error) {
      throw new SchemaRegistryError(`schema ${id} is not JSON`, 0, false, error);
    }
  }

  /**
   * Whether the registry takes a schema for compatible with the newest of a subject, by its own rules;
   * true when there is none.
   *
   * @throws SchemaRegistryError
   */
  async isCompatible(
    subject: string,
    schema: JsonSchema,
    signal?: AbortSignal,
  ): Promise<{ readonly compatible: boolean; readonly messages: readonly string[] }> {
    const path = `/compatibility/subjects/${encodeURIComponent(subject)}/versions/latest?verbose=true`;
    const none = noneIf(40401, 40402);
    const verdict = await this.#ask('POST', path, jsonSchema(schema), Verdict, signal).catch(none);
    return {
      compatible: verdict?.is_compatible ?? true,
      messages: verdict?.messages ?? [],
    };
  }

  /**
   * Sets by which rules the registry refuses schemas of a subject.
   *
   * @throws SchemaRegistryError
   */
  async setCompatibility(subject: string, mode: string, signal?: AbortSignal): Promise<void> {
    const path = `/config/${encodeURIComponent(subject)}`;
    await this.#ask('PUT', path, { compatibility: mode }, z.unknown(), signal);
  }

  async #ask<T>(
    method: string,
    path: string,
    body: object | undefined,
    answer: z.ZodType<T>,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    const what = `${method} ${path} of the schema registry`;
    const timeout = AbortSignal.timeout(this.options.timeoutMs ?? 10_000);
    let status: number;
    let text: string;
    try {
      const response = await fetch(`${this.#base}${path}`, {
        method,
        headers: this.#headers,
        signal: signal === undefined ? timeout : AbortSignal.any([timeout, signal]),
        // Credentials go to the registry and nowhere else.
        redirect: 'manual',
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      status = response.status;
      text = await limited(response);
    } catch (error) {
      if (signal?.aborted ?? false) throw error;
      throw new SchemaRegistryError(`${what} had no answer: ${reason(error)}`, 0, true, error);
    }
    const parsed = parse(text);
    if (status < 200 || status >= 300) {
      const failure = Failure.safeParse(parsed).data ?? { error_code: 0, message: '' };
      const says = failure.message === '' ? '' : `: ${failure.message}`;
      throw new SchemaRegistryError(
        `${what} was refused with ${status}${says}`,
        failure.error_code,
        status === 429 || status >= 500,
      );
    }
    const result = answer.safeParse(parsed);
    if (result.success) return result.data;
    throw new SchemaRegistryError(`${what} was answered by no schema registry`, 0, false);
  }
}

function jsonSchema(schema: JsonSchema): object {
  return { schemaType: 'JSON', schema: JSON.stringify(schema) };
}

function noneIf(...codes: readonly number[]): (error: unknown) => undefined {
  return (error) => {
    if (error instanceof SchemaRegistryError && codes.includes(error.errorCode)) return undefined;
    throw error;
  };
}

async function limited(response: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of response.body ?? []) {
    size += (part as Uint8Array).length;
    if (size > MAX_ANSWER) throw new Error(`more than ${MAX_ANSWER} bytes`);
    parts.push(part as Uint8Array);
  }
  return Buffer.concat(parts).toString();
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function reason(error: unknown): string {
  const { cause, message } = error as { cause?: { message?: string }; message?: string };
  return cause?.message ?? message ?? String(error);
}
