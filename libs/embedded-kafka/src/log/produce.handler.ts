import { ErrorCode, ProtocolError } from '../protocol/error-code.js';
import { produceApi } from '../protocol/apis/produce.api.js';
import type { Broker } from '../server/broker.js';
import { route, type Route } from '../server/route.js';
import type { Topic } from '../topic/topic-store.js';
import type { BatchHeader } from './record-batch.js';

/** Storing record batches. */
export function produceRoutes(broker: Broker, log: (line: string) => void): Route[] {
  const { leadership } = broker.cluster;

  const checkInSync = (name: string, index: number, copies: number): void => {
    const wanted = broker.topics.minInSync(name);
    if (copies >= wanted) return;
    throw new ProtocolError(
      ErrorCode.NOT_ENOUGH_REPLICAS,
      `${name}-${index}: ${copies} copies are in sync, min.insync.replicas is ${wanted}`,
    );
  };

  /** Lets a transactional batch in only if the coordinator knows of it. */
  const admit =
    (transactionalId: string | null, topic: string, index: number) =>
    ({ transactional, producerId, producerEpoch: epoch }: BatchHeader): void => {
      if (!transactional) return;
      if (transactionalId === null) {
        throw new ProtocolError(
          ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
          'a transactional batch came without a transactional id',
        );
      }
      try {
        broker.transactions.checkPartition(transactionalId, { producerId, epoch }, topic, index);
      } catch (error) {
        throw error instanceof ProtocolError ? asProduceError(error) : error;
      }
    };

  const append = async (
    transactionalId: string | null,
    topic: string,
    index: number,
    records: Buffer | null,
    acks: number,
    node: number,
  ): Promise<{
    index: number;
    errorCode: number;
    baseOffset: number;
    logStartOffset?: number;
    errorMessage?: string;
  }> => {
    try {
      if (acks < -1 || acks > 1) {
        throw new ProtocolError(
          ErrorCode.INVALID_REQUIRED_ACKS,
          `acks ${acks} is none of -1, 0, 1`,
        );
      }
      const partition = broker.topics.partition(topic, index);
      const placement = leadership.check(broker.topics.get(topic) as Topic, index, node);
      if (acks === -1) checkInSync(topic, index, leadership.inSync(placement).length);
      const { baseOffset } = partition.append(records, admit(transactionalId, topic, index));
      if (acks !== 0) await partition.durable();
      return { index, errorCode: 0, baseOffset, logStartOffset: partition.startOffset };
    } catch (error) {
      const known = error instanceof ProtocolError;
      if (!known) log(`${topic}-${index}: cannot store a batch: ${(error as Error).message}`);
      return {
        index,
        errorCode: known ? error.errorCode : ErrorCode.KAFKA_STORAGE_ERROR,
        baseOffset: -1,
        errorMessage: (error as Error).message,
      };
    }
  };

  return [
    route(produceApi, async ({ transactionalId, acks, topics }, { node }) => {
      const answered = await Promise.all(
        topics.map(async ({ name, partitions }) => ({
          name,
          partitions: await Promise.all(
            partitions.map(({ index, records }) =>
              append(transactionalId, name, index, records, acks, node),
            ),
          ),
        })),
      );
      if (acks !== 0) return { topics: answered };
      // Without an answer, closing the connection is the only way to tell that something is wrong.
      const failed = answered.flatMap(({ partitions }) => partitions).find((one) => one.errorCode);
      if (failed !== undefined) throw new Error(`produce without acks: ${failed.errorMessage}`);
      return undefined;
    }),
  ];
}

/** What the coordinator refuses, in codes that every producer takes rightly. */
function asProduceError({ errorCode, message }: ProtocolError): ProtocolError {
  const known: Partial<Record<ErrorCode, ErrorCode>> = {
    [ErrorCode.PRODUCER_FENCED]: ErrorCode.INVALID_PRODUCER_EPOCH,
    // One that is repeated without asking for metadata again.
    [ErrorCode.CONCURRENT_TRANSACTIONS]: ErrorCode.NOT_ENOUGH_REPLICAS,
  };
  return new ProtocolError(known[errorCode] ?? errorCode, message);
}
