/** One line to a worker. */
export interface RequestLine {
  readonly id: number;
  readonly op: string;
  readonly args: unknown;
}

/** One line of a worker: first what it offers, then its answers, in any order. */
export type WorkerLine =
  | { readonly client: string; readonly offers: readonly string[] }
  | { readonly id: number; readonly ok: unknown }
  | { readonly id: number; readonly error: { readonly code: string; readonly message: string } };

/** Writes a line. Bytes in it become `{"b64": "..."}`, which no language's JSON can spoil. */
export function toLine(value: unknown): string {
  return JSON.stringify(value, function (this: Record<string, unknown>, key, plain: unknown) {
    // A Buffer's own toJSON was called already.
    const original = this[key];
    return original instanceof Uint8Array
      ? { b64: Buffer.from(original).toString('base64') }
      : plain;
  });
}

/** Reads a line, bytes as Buffers. */
export function fromLine(line: string): unknown {
  return JSON.parse(line, (_, value: unknown) =>
    typeof value === 'object' && value !== null && 'b64' in value
      ? Buffer.from((value as { b64: string }).b64, 'base64')
      : value,
  );
}
