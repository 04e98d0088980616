import { ErrorCode, ProtocolError } from '../protocol/error-code.js';
import type { LogConfig } from '../log/partition-log.js';

/** The types of configs as DescribeConfigs numbers them. */
const ConfigType = { STRING: 2, INT: 3, LONG: 5, LIST: 7 } as const;

interface Definition {
  readonly type: (typeof ConfigType)[keyof typeof ConfigType];
  readonly default: string;
  readonly documentation: string;
  /** What the value may be, in words, or `undefined` when it is allowed. */
  refuse(value: string): string | undefined;
}

const integer = (min: number) => (value: string) =>
  /^-?\d{1,15}$/.test(value) && Number(value) >= min ? undefined : `a whole number >= ${min}`;
const only = (allowed: string) => (value: string) =>
  value === allowed ? undefined : `'${allowed}', which is all that this broker does`;

/** Defaults that a broker sets for topics without a value of their own. */
export interface TopicDefaults {
  readonly retentionBytes: number;
  readonly retention: number;
}

/** The topic configs served, by name; others are refused rather than silently ignored. */
export function topicConfigs(defaults: TopicDefaults): ReadonlyMap<string, Definition> {
  return new Map<string, Definition>([
    [
      'cleanup.policy',
      {
        type: ConfigType.LIST,
        default: 'delete',
        documentation: 'How old records go. Compaction is not served.',
        refuse: only('delete'),
      },
    ],
    [
      'compression.type',
      {
        type: ConfigType.STRING,
        default: 'producer',
        documentation: 'Batches are stored as the producer packed them.',
        refuse: only('producer'),
      },
    ],
    [
      'max.message.bytes',
      {
        type: ConfigType.INT,
        default: '1048588',
        documentation: 'Largest record batch.',
        refuse: integer(61),
      },
    ],
    [
      'message.timestamp.type',
      {
        type: ConfigType.STRING,
        default: 'CreateTime',
        documentation: 'Records keep the time the producer gave them.',
        refuse: only('CreateTime'),
      },
    ],
    [
      'min.insync.replicas',
      {
        type: ConfigType.INT,
        default: '1',
        documentation: 'Copies that must be up for acks=all.',
        refuse: integer(1),
      },
    ],
    [
      'retention.bytes',
      {
        type: ConfigType.LONG,
        default: String(defaults.retentionBytes),
        documentation: 'Bytes kept per partition, -1 for no limit.',
        refuse: integer(-1),
      },
    ],
    [
      'retention.ms',
      {
        type: ConfigType.LONG,
        default: String(defaults.retention),
        documentation: 'How long records are kept, -1 for no limit.',
        refuse: integer(-1),
      },
    ],
    [
      'segment.bytes',
      {
        type: ConfigType.INT,
        default: '16777216',
        documentation: 'Size at which a new segment begins.',
        refuse: integer(1_024),
      },
    ],
    [
      'segment.ms',
      {
        type: ConfigType.LONG,
        default: '604800000',
        documentation: 'Age at which a new segment begins.',
        refuse: integer(1),
      },
    ],
  ]);
}

/** @throws ProtocolError INVALID_CONFIG naming the config, its value and what is allowed */
export function checkConfig(
  definitions: ReadonlyMap<string, Definition>,
  name: string,
  value: string,
): void {
  const definition = definitions.get(name);
  if (definition === undefined) {
    throw new ProtocolError(ErrorCode.INVALID_CONFIG, `${name}: unknown topic config`);
  }
  const expected = definition.refuse(value);
  if (expected !== undefined) {
    throw new ProtocolError(
      ErrorCode.INVALID_CONFIG,
      `${name}: '${value}' is not allowed, expected ${expected}`,
    );
  }
}

/** What a log obeys, from the values set and the defaults of the rest. */
export function logConfigOf(
  definitions: ReadonlyMap<string, Definition>,
  set: Readonly<Record<string, string>>,
): LogConfig {
  const number = (name: string): number => Number(set[name] ?? definitions.get(name)?.default);
  return {
    maxMessageBytes: number('max.message.bytes'),
    segmentBytes: number('segment.bytes'),
    segmentMs: number('segment.ms'),
    retentionBytes: number('retention.bytes'),
    retentionMs: number('retention.ms'),
  };
}
