import { ErrorCode, ProtocolError } from '../protocol/error-code.js';
import type { RequestOf, ResponseOf } from '../protocol/api.js';
import { fetchApi, listOffsetsApi, offsetForLeaderEpochApi } from '../protocol/apis/fetch.api.js';
import type { Broker } from '../server/broker.js';
import { route, type Route } from '../server/route.js';
import type { Topic } from '../topic/topic-store.js';
import type { PartitionLog } from './partition-log.js';

type FetchRequest = RequestOf<typeof fetchApi>;
type FetchResponse = ResponseOf<typeof fetchApi>;

/** Timestamps that stand for a place in the log. */
const LATEST = -1;
const EARLIEST = -2;
const MAX_TIMESTAMP = -3;
/** Isolation level of those who read committed records only. */
const READ_COMMITTED = 1;
/** Longest time a fetch waits, whatever the client asks for. */
const MAX_WAIT_MS = 300_000;
/** Most bytes in one answer, as Kafka's fetch.max.bytes. */
const MAX_FETCH_BYTES = 57_671_680;

/** Fetch and the offsets to fetch from. */
export function fetchRoutes(broker: Broker): Route[] {
  const { topics, clock, cluster } = broker;
  const { leadership } = cluster;

  const errorOf = (error: unknown): ErrorCode => {
    if (error instanceof ProtocolError) return error.errorCode;
    throw error;
  };

  /** The log, if the node asked leads it in the epoch that the client believes in. */
  const led = (name: string, index: number, node: number, epoch: number) => {
    const log = topics.partition(name, index);
    const topic = topics.get(name) as Topic;
    return { log, topic, placement: leadership.check(topic, index, node, epoch) };
  };

  /** Reads all that is there now. */
  const collect = (
    request: FetchRequest,
    node: number,
  ): { response: FetchResponse; ready: boolean } => {
    let left = Math.min(request.maxBytes, MAX_FETCH_BYTES);
    let bytes = 0;
    let failed = false;
    const answered = request.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ index, fetchOffset, maxBytes, currentLeaderEpoch }) => {
        try {
          const { log } = led(name, index, node, currentLeaderEpoch);
          const end = readableEnd(log, request.isolationLevel);
          const records = log.read(fetchOffset, Math.min(maxBytes, left), bytes === 0, end);
          bytes += records.length;
          left = Math.max(0, left - records.length);
          return {
            index,
            errorCode: 0,
            highWatermark: log.endOffset,
            lastStableOffset: log.stableOffset,
            logStartOffset: log.startOffset,
            abortedTransactions:
              request.isolationLevel === READ_COMMITTED
                ? log.abortedIn(fetchOffset, records)
                : null,
            records,
          };
        } catch (error) {
          failed = true;
          return {
            index,
            errorCode: errorOf(error),
            highWatermark: -1,
            lastStableOffset: -1,
            abortedTransactions: null,
            records: Buffer.alloc(0),
          };
        }
      }),
    }));
    return { response: { topics: answered }, ready: failed || bytes >= request.minBytes };
  };

  /** Whether more bytes than asked for may have come; cheaper than reading them. */
  const logsOf = (request: FetchRequest): PartitionLog[] =>
    request.topics.flatMap(({ name, partitions }) =>
      partitions.flatMap(({ index }) => topics.get(name)?.partitions[index] ?? []),
    );

  return [
    route(fetchApi, async (request, { signal, node }) => {
      if (request.sessionId !== 0) {
        return { errorCode: ErrorCode.FETCH_SESSION_ID_NOT_FOUND, topics: [] };
      }
      const waitMs = Math.min(request.maxWaitMs, MAX_WAIT_MS);
      const deadline = clock.monotonic() + waitMs;
      for (;;) {
        const { response, ready } = collect(request, node);
        const left = deadline - clock.monotonic();
        if (ready || left <= 0 || signal.aborted) return response;
        await new Promise<void>((resolve) => {
          const done = (): void => {
            cancel();
            for (const end of ends) end();
            signal.removeEventListener('abort', done);
            resolve();
          };
          const cancel = clock.after(left, done);
          const ends = logsOf(request).map((log) => log.onAppend(done));
          signal.addEventListener('abort', done);
        });
      }
    }),

    route(listOffsetsApi, (request, { node }) => ({
      topics: request.topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ index, timestamp, currentLeaderEpoch }) => {
          try {
            const { log, topic, placement } = led(name, index, node, currentLeaderEpoch);
            log.enforceRetention();
            const end = readableEnd(log, request.isolationLevel);
            if (timestamp === LATEST) {
              return {
                index,
                errorCode: 0,
                leaderEpoch: placement.epoch,
                timestamp: -1,
                offset: end,
              };
            }
            let found: { offset: number; timestamp: number } | undefined;
            if (timestamp === EARLIEST) found = { offset: log.startOffset, timestamp: -1 };
            else if (timestamp === MAX_TIMESTAMP) found = log.newest();
            else found = log.find(timestamp);
            if (found === undefined || (timestamp !== EARLIEST && found.offset >= end)) {
              return { index, errorCode: 0, timestamp: -1, offset: -1 };
            }
            const leaderEpoch = leadership.epochAt(topic, index, found.offset);
            return { index, errorCode: 0, leaderEpoch, ...found };
          } catch (error) {
            return { index, errorCode: errorOf(error), timestamp: -1, offset: -1 };
          }
        }),
      })),
    })),

    route(offsetForLeaderEpochApi, (request, { node }) => ({
      topics: request.topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ index, leaderEpoch, currentLeaderEpoch }) => {
          try {
            const { topic } = led(name, index, node, currentLeaderEpoch);
            return { errorCode: 0, index, ...leadership.endOf(topic, index, leaderEpoch) };
          } catch (error) {
            return { errorCode: errorOf(error), index, leaderEpoch: -1, endOffset: -1 };
          }
        }),
      })),
    })),
  ];
}

/** Where what a reader may see ends. */
function readableEnd(log: PartitionLog, isolationLevel: number): number {
  return isolationLevel === READ_COMMITTED ? log.stableOffset : log.endOffset;
}
