import { kafkajsDriver, type KafkaDriver } from '@rookery/kafka';
import { describe, expect, it, onTestFinished } from 'vitest';
import { useKafka } from './index.js';

const login = { mechanism: 'scram-sha-512', username: 'alice', password: 'wonder' } as const;

describe('useKafka', () => {
  const kafka = useKafka({ nodes: 3, sasl: { users: { [login.username]: login.password } } });

  const open = async (sasl?: typeof login): Promise<KafkaDriver> => {
    const { brokers } = kafka;
    const driver = await kafkajsDriver({ brokers, clientId: 'spec', ...(sasl && { sasl }) });
    onTestFinished(() => driver.close());
    return driver;
  };

  it('gives a broker with the nodes and users that are asked for', async () => {
    expect(kafka.brokers).toHaveLength(3);
    expect(kafka.external).toBe(false);
    const driver = await open(login);
    await driver.admin().ensureTopics([{ topic: 't', partitions: 3, replicationFactor: 3 }]);
    await driver.producer().send([{ topic: 't', key: 'k', value: 'v' }]);
    const leaders = [0, 1, 2].map((partition) => kafka.faults.leaderOf('t', partition));
    expect(new Set(leaders).size).toBe(3);
    await kafka.faults.stopNode(1);
    kafka.faults.fail('NOT_ENOUGH_REPLICAS');
  });

  it('heals after each test what that made go wrong', async () => {
    expect(kafka.faults.leaderOf('t', 0)).toBeGreaterThan(0);
    const driver = await open(login);
    await driver.producer().send([{ topic: 't', key: 'k', value: 'v' }]);
    expect(kafka.embedded?.faults.coordinatorOf('g')).toBeGreaterThan(0);
  });
});
