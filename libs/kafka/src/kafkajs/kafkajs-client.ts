import type { Socket } from 'node:net';
import * as net from 'node:net';
import * as tls from 'node:tls';
import kafkajs, { type Kafka } from 'kafkajs';
import type { KafkaLog } from '../driver/kafka-driver.js';
import type { KafkajsDriverOptions } from './kafkajs.driver.js';
import { kafkajsLogger } from './kafkajs-logger.js';

const { Kafka: Client, logLevel } = kafkajs;
const KEEP_ALIVE_MS = 30_000;
const CUT = 'client closed';

/**
 * A kafkajs client with sockets of its own: when it is given up, they can be cut, which is the only
 * way not to wait for what a broker still owes them.
 */
export class KafkajsClient {
  readonly kafka: Kafka;
  readonly #sockets = new Set<Socket>();
  #cut = false;

  constructor(options: KafkajsDriverOptions, log: KafkaLog) {
    const { brokers, clientId, ssl, sasl, connectionTimeoutMs, requestTimeoutMs } = options;
    this.kafka = new Client({
      brokers: [...brokers],
      clientId,
      ...(ssl === undefined ? {} : { ssl }),
      ...(sasl === undefined ? {} : { sasl: sasl as never }),
      connectionTimeout: connectionTimeoutMs,
      requestTimeout: requestTimeoutMs,
      retry: { retries: 2, initialRetryTime: 100, maxRetryTime: 1_000 },
      logLevel: logLevel.INFO,
      logCreator: kafkajsLogger(log, CUT),
      socketFactory: (target) => this.#connect(target),
    });
  }

  /** Ends all connections at once and lets none begin; requests under way fail. */
  cut(): void {
    this.#cut = true;
    for (const socket of this.#sockets) socket.destroy(new Error(CUT));
    this.#sockets.clear();
  }

  #connect(target: {
    host: string;
    port: number;
    ssl: tls.ConnectionOptions;
    onConnect: () => void;
  }): Socket {
    const { host, port, ssl, onConnect } = target;
    // kafkajs passes `ssl` as undefined when it is off, whatever its types say.
    const socket = (ssl as unknown)
      ? tls.connect(
          { host, port, ...(net.isIP(host) ? {} : { servername: host }), ...ssl },
          onConnect,
        )
      : net.connect({ host, port }, onConnect);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    // Small requests go back and forth; waiting to fill a packet would only add to their latency.
    socket.setNoDelay(true);
    this.#sockets.add(socket);
    // kafkajs connects again when it is closed in the middle of something.
    if (this.#cut) socket.destroy(new Error(CUT));
    socket.once('close', () => this.#sockets.delete(socket));
    // kafkajs lets go of a dead connection once for each request that failed on it, and each time Node
    // would add a listener, for a connection that will never be.
    const unref = socket.unref.bind(socket);
    socket.unref = () => (socket.destroyed ? socket : unref());
    return socket;
  }
}
