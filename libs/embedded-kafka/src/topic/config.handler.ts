import { ErrorCode, ProtocolError } from '../protocol/error-code.js';
import {
  alterConfigsApi,
  describeConfigsApi,
  incrementalAlterConfigsApi,
} from '../protocol/apis/config.api.js';
import type { Broker } from '../server/broker.js';
import { route, type Route } from '../server/route.js';
import { outcomeOf } from './topic-admin.handler.js';
import type { Topic } from './topic-store.js';

/** Resource types of the config APIs. */
const ResourceType = { TOPIC: 2, BROKER: 4 } as const;
/** Where a value comes from, as DescribeConfigs numbers it. */
const ConfigSource = { TOPIC: 1, STATIC_BROKER: 4, DEFAULT: 5 } as const;
/** What IncrementalAlterConfigs does with a value. */
const Operation = { SET: 0, DELETE: 1 } as const;

interface DescribedConfig {
  readonly name: string;
  readonly value: string;
  readonly readOnly: boolean;
  readonly source: number;
  readonly sensitive: false;
  readonly synonyms: readonly { name: string; value: string; source: number }[];
  readonly configType: number;
  readonly documentation: string | null;
}

/** Showing and changing configs. */
export function configRoutes(broker: Broker): Route[] {
  const { topics, options, cluster } = broker;

  const existing = (name: string): Topic => {
    const topic = topics.get(name);
    if (topic !== undefined) return topic;
    throw new ProtocolError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `topic ${name} does not exist`);
  };

  const configsOfTopic = (name: string): DescribedConfig[] => {
    const { configs } = existing(name);
    return [...topics.configs].map(([key, definition]) => {
      const own = configs[key];
      const value = own ?? definition.default;
      const source = own === undefined ? ConfigSource.DEFAULT : ConfigSource.TOPIC;
      return {
        name: key,
        value,
        readOnly: false,
        source,
        sensitive: false,
        synonyms: [{ name: key, value, source }],
        configType: definition.type,
        documentation: definition.documentation,
      };
    });
  };

  const configsOfBroker = (name: string, node: number): DescribedConfig[] => {
    if (name !== String(node)) {
      throw new ProtocolError(
        ErrorCode.INVALID_REQUEST,
        `unexpected broker id '${name}', this is node ${node}`,
      );
    }
    const values = {
      'auto.create.topics.enable': options.autoCreateTopics,
      'default.replication.factor': cluster.leadership.defaultReplicas,
      'group.initial.rebalance.delay.ms': options.initialRebalanceDelay,
      'group.min.session.timeout.ms': options.minSessionTimeout,
      'log.retention.bytes': options.retentionBytes,
      'log.retention.ms': options.retention,
      'num.partitions': options.defaultPartitions,
      'socket.request.max.bytes': options.maxRequestBytes,
    };
    return Object.entries(values).map(([key, value]) => ({
      name: key,
      value: String(value),
      readOnly: true,
      source: ConfigSource.STATIC_BROKER,
      sensitive: false,
      synonyms: [],
      configType: 0,
      documentation: null,
    }));
  };

  const refuseBroker = (type: number): void => {
    if (type === ResourceType.TOPIC) return;
    throw new ProtocolError(
      ErrorCode.INVALID_REQUEST,
      'only topic configs can be altered; the broker has options at start',
    );
  };

  return [
    route(describeConfigsApi, ({ resources, includeSynonyms, includeDocumentation }, { node }) => ({
      results: resources.map(({ type, name, keys }) => {
        let configs: DescribedConfig[] = [];
        const outcome = outcomeOf(() => {
          if (type === ResourceType.TOPIC) configs = configsOfTopic(name);
          else if (type === ResourceType.BROKER) configs = configsOfBroker(name, node);
          else throw new ProtocolError(ErrorCode.INVALID_REQUEST, `no resources of type ${type}`);
        });
        return {
          ...outcome,
          type,
          name,
          configs: configs
            // kafkajs sends an empty list for "all"; asking for none is of no use to anybody.
            .filter((config) => keys === null || keys.length === 0 || keys.includes(config.name))
            .map((config) => ({
              ...config,
              synonyms: includeSynonyms ? config.synonyms : [],
              documentation: includeDocumentation ? config.documentation : null,
            })),
        };
      }),
    })),

    route(alterConfigsApi, ({ resources, validateOnly }) => ({
      results: resources.map(({ type, name, configs }) => ({
        type,
        name,
        ...outcomeOf(() => {
          refuseBroker(type);
          const set = configs.flatMap((one) =>
            one.value === null ? [] : [[one.name, one.value] as const],
          );
          topics.configure(name, Object.fromEntries(set), validateOnly);
        }),
      })),
    })),

    route(incrementalAlterConfigsApi, ({ resources, validateOnly }) => ({
      results: resources.map(({ type, name, configs }) => ({
        type,
        name,
        ...outcomeOf(() => {
          refuseBroker(type);
          const changed: Record<string, string> = { ...existing(name).configs };
          for (const { name: key, operation, value } of configs) {
            if (operation === Operation.SET && value !== null) changed[key] = value;
            else if (operation === Operation.DELETE) delete changed[key];
            else {
              throw new ProtocolError(
                ErrorCode.INVALID_CONFIG,
                `${key}: operation ${operation} is not served, expected set or delete`,
              );
            }
          }
          topics.configure(name, changed, validateOnly);
        }),
      })),
    })),
  ];
}
