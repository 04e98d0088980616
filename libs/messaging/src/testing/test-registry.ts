import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** The part of the registry's API that the client uses, as its documentation says. */
export class TestRegistry {
  readonly subjects = new Map<string, string[]>();
  readonly modes = new Map<string, string>();
  readonly schemas: string[] = [];
  readonly asked: {
    path: string;
    authorization: string | undefined;
    contentType: string | undefined;
  }[] = [];
  answer: ((path: string) => { status: number; body: string } | undefined) | undefined;
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => {
      void this.#handle(request).then(({ status, body }) => {
        response.writeHead(status, { 'content-type': 'application/vnd.schemaregistry.v1+json' });
        response.end(body);
      });
    });
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #handle(request: IncomingMessage): Promise<{ status: number; body: string }> {
    const { url = '', method, headers } = request;
    const { authorization } = headers;
    this.asked.push({
      path: `${method} ${url}`,
      authorization,
      contentType: headers['content-type'],
    });
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = JSON.parse(Buffer.concat(chunks).toString() || '{}') as Record<string, string>;
    const own = this.answer?.(url);
    if (own !== undefined) return own;
    const [, kind, subject = ''] = url.split('?')[0]?.split('/').map(decodeURIComponent) ?? [];
    if (kind === 'subjects') return this.#register(subject, body);
    if (kind === 'config') {
      this.modes.set(subject, body.compatibility ?? '');
      return ok({ compatibility: body.compatibility });
    }
    if (kind === 'schemas') {
      const schema = this.schemas[Number(url.split('/').at(-1)) - 1];
      return schema === undefined
        ? failed(404, 40403, 'Schema not found')
        : ok({ schema, schemaType: 'JSON' });
    }
    const name = decodeURIComponent(url.split('/')[3] ?? '');
    if (!this.subjects.has(name)) return failed(404, 40401, 'Subject not found');
    const same = this.subjects.get(name)?.at(-1) === body.schema;
    return ok({ is_compatible: same, ...(same ? {} : { messages: ['it differs'] }) });
  }

  #register(
    subject: string,
    { schema = '', schemaType }: Record<string, string>,
  ): { status: number; body: string } {
    if (schemaType !== 'JSON') return failed(422, 42201, 'Invalid schema');
    try {
      JSON.parse(schema);
    } catch {
      return failed(422, 42201, 'Invalid schema');
    }
    const versions = this.subjects.get(subject) ?? [];
    if (!versions.includes(schema)) this.subjects.set(subject, [...versions, schema]);
    if (!this.schemas.includes(schema)) this.schemas.push(schema);
    return ok({ id: this.schemas.indexOf(schema) + 1 });
  }
}

const ok = (body: object): { status: number; body: string } => ({
  status: 200,
  body: JSON.stringify(body),
});
/** An answer that refuses. */
export const failed = (
  status: number,
  error_code: number,
  message: string,
): { status: number; body: string } => ({
  status,
  body: JSON.stringify({ error_code, message }),
});
