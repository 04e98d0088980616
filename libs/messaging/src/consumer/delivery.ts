import type { IncomingRecord } from '@rookery/kafka';
import type { MessageContract } from '../contract/contract.js';
import { decodeData } from '../contract/contract-codec.js';
import { readEnvelope, type Envelope } from '../envelope/envelope.js';
import { ContractViolationError, UnreadableRecordError } from '../messaging.errors.js';
import { unframed } from '../registry/registry-frame.js';
import type { RecordReader } from './record-reader.js';

/** A message that could be read. */
export interface Message {
  readonly envelope: Envelope;
  readonly contract: MessageContract;
  readonly data: unknown;
}

/** The key as text, which orders its messages. Records without a key have no order. */
export function laneOf({ key, offset }: IncomingRecord): string {
  return key?.toString('latin1') ?? `#${offset}`;
}

/**
 * One record on its way to the handlers of a group. It is read once, when the first of them gets to
 * it, and all of them share the result.
 */
export class Delivery {
  #message: Message | UnreadableRecordError | undefined;

  constructor(
    readonly record: IncomingRecord,
    private readonly contractOf: (type: string) => MessageContract | undefined,
    private readonly reader?: RecordReader,
  ) {}

  /** The message, or why there is none. */
  read(): Message | UnreadableRecordError {
    this.#message ??= this.#parse();
    return this.#message;
  }

  #parse(): Message | UnreadableRecordError {
    try {
      if (this.reader !== undefined) return this.reader(this.record);
      const envelope = readEnvelope(this.record);
      const contract = this.contractOf(envelope.type);
      if (contract === undefined) {
        throw new UnreadableRecordError('unknown-type', `no contract '${envelope.type}' is known`);
      }
      const data = decodeData(contract, envelope.version, parse(this.record.value));
      return { envelope, contract, data };
    } catch (error) {
      if (error instanceof UnreadableRecordError) return error;
      if (error instanceof ContractViolationError) {
        return new UnreadableRecordError('contract-violation', error.message, error);
      }
      // An upcast may throw whatever it likes.
      return new UnreadableRecordError('contract-violation', String(error), error);
    }
  }
}

function parse(value: Buffer | null): unknown {
  if (value === null) throw new UnreadableRecordError('bad-json', 'the record has no value');
  try {
    return JSON.parse(unframed(value).toString()) as unknown;
  } catch (error) {
    throw new UnreadableRecordError('bad-json', `the value is not JSON: ${String(error)}`, error);
  }
}
