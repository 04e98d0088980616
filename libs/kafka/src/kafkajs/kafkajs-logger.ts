import kafkajs, { type LogEntry, type logCreator } from 'kafkajs';
import type { KafkaLog } from '../driver/kafka-driver.js';

const { logLevel } = kafkajs;

/**
 * kafkajs reports every failed try as an error of its own, from several places at once; the driver
 * says the same once, with what to do. So the lines of kafkajs count less here.
 *
 * @param expected text of errors that the driver causes itself, and that nobody needs to read
 */
export function kafkajsLogger(log: KafkaLog, expected: string): logCreator {
  return () => (entry: LogEntry) => {
    const { message, logger: _logger, timestamp: _time, stack: _stack, ...fields } = entry.log;
    if (message.includes(expected)) return;
    const { error, ...facts } = fields;
    log(entry.level === logLevel.ERROR ? 'info' : 'debug', `kafkajs: ${message}`, {
      ...facts,
      ...(error === undefined ? {} : { error: String((error as Error).message ?? error) }),
      namespace: entry.namespace,
    });
  };
}
