import { randomUUID } from 'node:crypto';
import { Refusal } from '../../port/client.js';
import { NotOffered } from '../command-client.js';
import type { Served } from '../serve.js';
import type { ConsoleTools } from './tools.js';

const TIMES: Record<string, string> = {
  earliest: 'earliest',
  latest: 'latest',
  'max-timestamp': 'max-timestamp',
};

/** Tools that administer topics, configs, groups, records and transactions. */
export function adminOperations(
  tools: ConsoleTools,
  file: (name: string, text: string) => Promise<string>,
): Served {
  const topics = (...args: string[]) => tools.run('kafka-topics', args);
  const groups = (...args: string[]) => tools.run('kafka-consumer-groups', args);
  const configs = (...args: string[]) => tools.run('kafka-configs', args);

  return {
    describeCluster: async ({ listener }) => {
      if (listener === 'sasl') throw new NotOffered('logins');
      const output = await tools.run('kafka-broker-api-versions', []);
      return { nodes: output.match(/^\S+ \(id: \d+ .* -> \($/gm)?.length ?? 0, controller: null };
    },
    listTopics: async ({ listener }) => {
      if (listener === 'sasl') throw new NotOffered('logins');
      return { topics: lines(await topics('--list')) };
    },
    createTopic: async ({ topic, partitions, replicationFactor, configs: given }) => {
      await topics(
        '--create',
        '--topic',
        topic,
        ...(partitions === undefined ? [] : ['--partitions', String(partitions)]),
        ...(replicationFactor === undefined
          ? []
          : ['--replication-factor', String(replicationFactor)]),
        ...Object.entries(given ?? {}).flatMap(([name, value]) => ['--config', `${name}=${value}`]),
      );
      return {};
    },
    deleteTopic: async ({ topic }) => {
      await known(topic, topics('--delete', '--topic', topic));
      return {};
    },
    describeTopic: async ({ topic }) => {
      const output = await known(topic, topics('--describe', '--topic', topic));
      const number = (name: string) => Number(new RegExp(`${name}: (\\d+)`).exec(output)?.[1]);
      return { partitions: number('PartitionCount'), replicas: number('ReplicationFactor') };
    },
    createPartitions: async ({ topic, total }) => {
      const alter = topics('--alter', '--topic', topic, '--partitions', String(total));
      await known(topic, alter);
      return {};
    },
    describeConfigs: async ({ type, name }) => {
      const output = await configs(
        '--describe',
        '--all',
        '--entity-type',
        `${type}s`,
        '--entity-name',
        name,
      );
      const found = [...output.matchAll(/^ {2}([\w.]+)=(.*?) sensitive=\w+ synonyms=\{(.*)\}/gm)];
      return {
        configs: Object.fromEntries(
          found.map(([, config, value, synonyms]) => [
            config!,
            {
              value: value === 'null' ? null : value!,
              isDefault: !synonyms!.includes('DYNAMIC_TOPIC'),
            },
          ]),
        ),
      };
    },
    incrementalAlterConfigs: async ({ topic, set, unset }) => {
      const added = Object.entries(set ?? {}).map(([name, value]) => `${name}=${value}`);
      await configs(
        '--alter',
        '--entity-type',
        'topics',
        '--entity-name',
        topic,
        ...(added.length === 0 ? [] : ['--add-config', added.join(',')]),
        ...(unset === undefined ? [] : ['--delete-config', unset.join(',')]),
      );
      return {};
    },
    listOffset: async ({ topic, partition, at }) => {
      const time = typeof at === 'object' ? String(at.timestamp) : (TIMES[at] ?? String(at));
      const output = await tools
        .run('kafka-get-offsets', ['--topic-partitions', `${topic}:${partition}`, '--time', time])
        .catch((error: unknown) => {
          // It finds no partition that matches.
          if (String(error).includes('Could not match')) return unknown(topic);
          throw error;
        });
      const offset = new RegExp(`^${topic}:${partition}:(\\d*)$`, 'm').exec(output)?.[1];
      return { offset: offset === undefined || offset === '' ? null : Number(offset) };
    },
    deleteRecords: async ({ topic, partition, before }) => {
      const partitions = [{ topic, partition, offset: before }];
      const path = await file(`${randomUUID()}.json`, JSON.stringify({ partitions, version: 1 }));
      await tools.run('kafka-delete-records', ['--offset-json-file', path]);
      return {};
    },
    listGroups: async () => ({ groups: lines(await groups('--list')) }),
    describeGroup: async ({ group }) => {
      const describe = ['--describe', '--group', group];
      // GROUP, COORDINATOR, (ID), ASSIGNMENT-STRATEGY, STATE, #MEMBERS
      const [, , , strategy = '', state = ''] = row(group, await groups(...describe, '--state'));
      // GROUP, CONSUMER-ID, HOST, CLIENT-ID, #PARTITIONS
      const members = rows(group, await groups(...describe, '--members'));
      return {
        state,
        protocol: strategy,
        members: members.map(([, , , clientId]) => ({
          clientId: clientId!,
          instanceId: null,
          assignment: null,
        })),
      };
    },
    deleteGroup: async ({ group }) => {
      await groups('--delete', '--group', group);
      return {};
    },
    groupOffsets: async ({ group, topic, partitions }) => {
      const output = await groups('--describe', '--offsets', '--group', group).catch(
        (error: unknown) => {
          // An unknown group has no offsets either.
          if (error instanceof Refusal && error.code === 'GROUP_ID_NOT_FOUND') return '';
          throw error;
        },
      );
      const offsets = Array.from({ length: partitions }, (_, partition) => {
        const row = new RegExp(`${topic}\\s+${partition}\\s+(\\d+)`).exec(output);
        return row === null ? null : Number(row[1]);
      });
      return { offsets, metadata: offsets.map(() => null) };
    },
    alterGroupOffsets: async ({ group, offsets }) => {
      for (const { topic, partition, offset } of offsets) {
        await groups(
          '--reset-offsets',
          '--group',
          group,
          '--topic',
          `${topic}:${partition}`,
          '--to-offset',
          String(offset),
          '--execute',
        );
      }
      return {};
    },
    listTransactions: async () => {
      const [, ...listed] = lines(await tools.run('kafka-transactions', ['list']));
      return { transactions: listed.map((line) => line.split('\t')[0]!) };
    },
    describeTransaction: async ({ transactionalId }) => {
      const describe = ['describe', '--transactional-id', transactionalId];
      const output = await tools.run('kafka-transactions', describe);
      const [names, values] = lines(output).map((line) => line.split(/\s*\t/));
      const column = (name: string): string => values?.[names!.indexOf(name)] ?? '';
      return {
        state: column('TransactionState'),
        partitions: column('TopicPartitions').split(','),
      };
    },
  };
}

/** The cells of the lines that begin with a group's name. */
function rows(group: string, output: string): string[][] {
  return lines(output)
    .map((line) => line.split(/\s+/))
    .filter(([first]) => first === group);
}

function row(group: string, output: string): string[] {
  return rows(group, output)[0] ?? [];
}

function lines(output: string): string[] {
  return output
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

function unknown(topic: string): never {
  throw new Refusal('UNKNOWN_TOPIC_OR_PARTITION', topic);
}

/** kafka-topics looks a topic up first, and has words of its own for one that is not there. */
async function known(topic: string, output: Promise<string>): Promise<string> {
  try {
    return await output;
  } catch (error) {
    if (String(error).includes('does not exist as expected')) unknown(topic);
    throw error;
  }
}
