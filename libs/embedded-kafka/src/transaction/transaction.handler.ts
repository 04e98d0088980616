import { ErrorCode, ProtocolError } from '../protocol/error-code.js';
import { initProducerIdApi } from '../protocol/apis/produce.api.js';
import {
  addOffsetsToTxnApi,
  addPartitionsToTxnApi,
  describeTransactionsApi,
  endTxnApi,
  listTransactionsApi,
} from '../protocol/apis/transaction.api.js';
import type { Broker } from '../server/broker.js';
import { route, type Route } from '../server/route.js';
import { NEXT_STATES, type ProducerIdentity, type Transaction } from './transaction-state.js';

/** First versions whose clients know PRODUCER_FENCED; older ones get INVALID_PRODUCER_EPOCH. */
const FENCED_FROM = { initProducerId: 4, transaction: 2 };
const NO_PRODUCER = { producerId: -1, producerEpoch: -1 };

/** Producer ids, and the transactions of those with a transactional id. */
export function transactionRoutes(broker: Broker, log: (line: string) => void): Route[] {
  const { clock, cluster, producerIds, topics, transactions } = broker;

  /** What a node says of an id that another one coordinates. */
  const refusedAt = (node: number, id: string): { errorCode: ErrorCode } | undefined => {
    const errorCode = cluster.checkCoordinator('transaction', id, node);
    return errorCode === ErrorCode.NONE ? undefined : { errorCode };
  };

  /** The error code of what `act` throws; other errors are failures of the storage. */
  const codeOf = async (
    id: string,
    fencedFrom: number,
    version: number,
    act: () => void | Promise<void>,
  ): Promise<ErrorCode> => {
    if (id === '') return ErrorCode.INVALID_REQUEST;
    try {
      await act();
      return ErrorCode.NONE;
    } catch (error) {
      if (!(error instanceof ProtocolError)) {
        log(`transaction ${id}: cannot be stored: ${(error as Error).message}`);
        return ErrorCode.KAFKA_STORAGE_ERROR;
      }
      return error.errorCode === ErrorCode.PRODUCER_FENCED && version < fencedFrom
        ? ErrorCode.INVALID_PRODUCER_EPOCH
        : error.errorCode;
    }
  };

  return [
    route(initProducerIdApi, async (request, { version }) => {
      const { transactionalId, producerId, producerEpoch, transactionTimeoutMs } = request;
      if (producerId < 0 !== producerEpoch < 0) {
        return { errorCode: ErrorCode.INVALID_REQUEST, ...NO_PRODUCER };
      }
      if (transactionalId === null) {
        return { errorCode: ErrorCode.NONE, producerId: producerIds.next(), producerEpoch: 0 };
      }
      let given: ProducerIdentity | undefined;
      const errorCode = await codeOf(
        transactionalId,
        FENCED_FROM.initProducerId,
        version,
        async () => {
          given = await transactions.initialize(transactionalId, {
            timeoutMs: transactionTimeoutMs,
            expected: producerId < 0 ? undefined : { producerId, epoch: producerEpoch },
          });
        },
      );
      return given === undefined
        ? { errorCode, ...NO_PRODUCER }
        : { errorCode, producerId: given.producerId, producerEpoch: given.epoch };
    }),

    route(addPartitionsToTxnApi, async (request, { version }) => {
      const { transactionalId, producerId, producerEpoch } = request;
      const isMissing = (name: string, index: number): boolean =>
        topics.get(name)?.partitions[index] === undefined;
      const all = request.topics.flatMap(({ name, partitions }) =>
        partitions.map((index) => [name, index] as const),
      );
      // One that does not exist keeps the others out too.
      const incomplete = all.some((one) => isMissing(...one));
      const errorCode = incomplete
        ? ErrorCode.OPERATION_NOT_ATTEMPTED
        : await codeOf(transactionalId, FENCED_FROM.transaction, version, () =>
            transactions.join(
              transactionalId,
              { producerId, epoch: producerEpoch },
              { partitions: all, groups: [] },
            ),
          );
      return {
        results: request.topics.map(({ name, partitions }) => ({
          name,
          partitions: partitions.map((index) => ({
            index,
            errorCode: isMissing(name, index) ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION : errorCode,
          })),
        })),
      };
    }),

    route(addOffsetsToTxnApi, async (request, { version }) => {
      const { transactionalId, producerId, producerEpoch: epoch, groupId } = request;
      const groups = [groupId];
      return {
        errorCode: await codeOf(transactionalId, FENCED_FROM.transaction, version, () =>
          transactions.join(transactionalId, { producerId, epoch }, { partitions: [], groups }),
        ),
      };
    }),

    route(endTxnApi, async (request, { version }) => {
      const { transactionalId, producerId, producerEpoch: epoch, committed } = request;
      const outcome = committed ? 'commit' : 'abort';
      return {
        errorCode: await codeOf(transactionalId, FENCED_FROM.transaction, version, () =>
          transactions.end(transactionalId, { producerId, epoch }, outcome),
        ),
      };
    }),

    route(describeTransactionsApi, ({ transactionalIds }, { node }) => ({
      transactions: transactionalIds.map((id) => ({
        ...described(id, transactions.get(id)),
        ...refusedAt(node, id),
      })),
    })),

    route(listTransactionsApi, ({ states, producerIds: ids, minDurationMs }, { node }) => {
      const now = clock.now();
      const unknownStates = states.filter((state) => !(state in NEXT_STATES));
      const wanted = (transaction: Transaction): boolean =>
        (states.length === 0 || states.includes(transaction.state)) &&
        (ids.length === 0 || ids.includes(transaction.producerId)) &&
        (minDurationMs < 0 ||
          ('startedAt' in transaction && now - transaction.startedAt > minDurationMs));
      return {
        errorCode: ErrorCode.NONE,
        unknownStates,
        transactions: [...transactions.entries()]
          .filter(([id, one]) => wanted(one) && refusedAt(node, id) === undefined)
          .map(([transactionalId, { producerId, state }]) => ({
            transactionalId,
            producerId,
            state,
          })),
      };
    }),
  ];
}

function described(transactionalId: string, transaction: Transaction | undefined) {
  if (transaction === undefined) {
    return {
      errorCode: ErrorCode.TRANSACTIONAL_ID_NOT_FOUND,
      transactionalId,
      state: '',
      timeoutMs: 0,
      startedAt: 0,
      producerId: 0,
      producerEpoch: 0,
      topics: [],
    };
  }
  const partitions = 'partitions' in transaction ? transaction.partitions : [];
  const names = [...new Set(partitions.map(([name]) => name))];
  return {
    errorCode: ErrorCode.NONE,
    transactionalId,
    state: transaction.state,
    timeoutMs: transaction.timeoutMs,
    startedAt: 'startedAt' in transaction ? transaction.startedAt : -1,
    producerId: transaction.producerId,
    producerEpoch: transaction.epoch,
    topics: names.map((name) => ({
      name,
      partitions: partitions.flatMap(([topic, index]) => (topic === name ? [index] : [])),
    })),
  };
}
