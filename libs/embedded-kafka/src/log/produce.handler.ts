import { ErrorCode, ProtocolError } from '../protocol/error-code.js';
import { initProducerIdApi, produceApi } from '../protocol/apis/produce.api.js';
import type { Broker } from '../server/broker.js';
import { route, type Route } from '../server/route.js';
import type { Topic } from '../topic/topic-store.js';

/** Produce and the producer ids for it. */
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

  const append = async (
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
      const { baseOffset } = partition.append(records);
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
    route(produceApi, async ({ acks, topics }, { node }) => {
      const answered = await Promise.all(
        topics.map(async ({ name, partitions }) => ({
          name,
          partitions: await Promise.all(
            partitions.map(({ index, records }) => append(name, index, records, acks, node)),
          ),
        })),
      );
      if (acks !== 0) return { topics: answered };
      // Without an answer, closing the connection is the only way to tell that something is wrong.
      const failed = answered.flatMap(({ partitions }) => partitions).find((one) => one.errorCode);
      if (failed !== undefined) throw new Error(`produce without acks: ${failed.errorMessage}`);
      return undefined;
    }),

    route(initProducerIdApi, ({ transactionalId, producerId, producerEpoch }) => {
      if (transactionalId !== null) {
        return { errorCode: ErrorCode.UNSUPPORTED_VERSION, producerId: -1, producerEpoch: -1 };
      }
      // KIP-360: a producer that lost track asks for its next epoch; the ids here never run out of
      // epochs that matter, so a new id does as well.
      const keeps = producerId >= 0 && producerEpoch >= 0 && producerEpoch < 32_767;
      return keeps
        ? { errorCode: ErrorCode.NONE, producerId, producerEpoch: producerEpoch + 1 }
        : { errorCode: ErrorCode.NONE, producerId: broker.producerIds.next(), producerEpoch: 0 };
    }),
  ];
}
