import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Api } from '../protocol/api.js';
import type { WireType } from '../wire/schema.js';
import { nullableString } from '../wire/primitives.js';
import { WireReader } from '../wire/wire-reader.js';
import { WireWriter } from '../wire/wire-writer.js';
import { FrameReader } from '../server/frame-reader.js';

type ReqIn<A> = A extends Api<any, infer In, any, any> ? In : never;
type ResOut<A> = A extends Api<any, any, infer Out, any> ? Out : never;

/** A connection that says exactly what a test wants, in any version. */
export class ProtocolClient {
  readonly closed: Promise<unknown>;
  readonly #waiting: ((frame: Buffer) => void)[] = [];
  #correlationId = 0;

  private constructor(private readonly socket: Socket) {
    const frames = new FrameReader(2 ** 30);
    socket.on('data', (chunk: Buffer) => {
      for (const frame of frames.push(chunk)) this.#waiting.shift()?.(Buffer.from(frame));
    });
    socket.on('error', () => {});
    this.closed = once(socket, 'close');
  }

  static async connect(port: number): Promise<ProtocolClient> {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    return new ProtocolClient(socket);
  }

  /** Sends a request and reads the answer; fails if the answer has bytes left over. */
  async call<A extends Api>(api: A, version: number, request: ReqIn<A>): Promise<ResOut<A>> {
    const flexible = version >= api.flexibleFrom;
    const reader = await this.#send(api, version, flexible, (writer) =>
      api.request.write(writer, request, version, flexible),
    );
    if (flexible && api.key !== 18) reader.uvarint();
    return finish(api.response, reader, version, flexible) as ResOut<A>;
  }

  /** Sends an API key and version that may not exist, with any body. */
  async raw(apiKey: number, version: number, body = Buffer.alloc(0)): Promise<WireReader> {
    return this.#send({ key: apiKey }, version, false, (writer) => writer.bytes(body));
  }

  /** Sends a frame that is no request, and reads the next one. */
  async frame(bytes: Buffer): Promise<Buffer> {
    const length = Buffer.alloc(4);
    length.writeInt32BE(bytes.length);
    const answered = this.#next();
    this.socket.write(Buffer.concat([length, bytes]));
    return answered;
  }

  /** Bytes as they are. */
  write(bytes: Buffer): void {
    this.socket.write(bytes);
  }

  close(): void {
    this.socket.destroy();
  }

  #next(): Promise<Buffer> {
    return new Promise<Buffer>((resolve, reject) => {
      this.#waiting.push(resolve);
      this.closed.then(() => reject(new Error('connection closed')), reject);
    });
  }

  async #send(
    api: { key: number },
    version: number,
    flexible: boolean,
    body: (writer: WireWriter) => void,
  ): Promise<WireReader> {
    const correlationId = ++this.#correlationId;
    const writer = new WireWriter();
    writer.int16(api.key);
    writer.int16(version);
    writer.int32(correlationId);
    nullableString.write(writer, 'protocol-client', 0, false);
    if (flexible) writer.uvarint(0);
    body(writer);
    const length = Buffer.alloc(4);
    length.writeInt32BE(writer.length);
    const answered = this.#next();
    this.socket.write(Buffer.concat([length, ...writer.finish()]));
    const reader = new WireReader(await answered);
    const got = reader.int32();
    if (got !== correlationId) throw new Error(`answer ${got} to request ${correlationId}`);
    return reader;
  }
}

function finish<T>(
  type: WireType<T, any>,
  reader: WireReader,
  version: number,
  flexible: boolean,
): T {
  const value = type.read(reader, version, flexible);
  if (reader.remaining > 0) throw new Error(`${reader.remaining} bytes left over`);
  return value;
}
