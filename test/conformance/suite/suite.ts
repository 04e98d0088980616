import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { EmbeddedKafka } from '@rookery/embedded-kafka';
import { afterAll, describe, inject, it } from 'vitest';
import { CHECKS } from '../checks/index.js';
import type { Check } from '../checks/check.js';
import { EXPLAINED } from '../explained.js';
import type { Client, Endpoints } from '../port/client.js';
import { KAFKA_USER } from '../../real-kafka/real-kafka.js';
import { NotOffered } from '../workers/command-client.js';
import type { BrokerName, Difference, Outcome, SuiteReport } from './report.js';
import { Scenery } from './scenery.js';
import { Stage } from './stage.js';

/** How a client is had. */
export interface ClientSource {
  /** Short, e.g. `kafkajs`. */
  readonly name: string;
  /** Why it cannot be had here, or `undefined` if it can. */
  readonly obstacle: () => Promise<string | undefined>;
  readonly start: (endpoints: Endpoints) => Promise<Client>;
}

interface Opponent {
  readonly broker: BrokerName;
  readonly client: Client;
  readonly scenery: Scenery;
  readonly close: () => Promise<void>;
}

/** Defines one test for each check that the client can do and each broker. */
export async function conformanceOf(source: ClientSource): Promise<void> {
  const real = inject('rookery:conformance');
  const report: SuiteReport = {
    client: source.name,
    version: '',
    skipped: {},
    outcomes: [],
    differences: [],
  };
  const write = (): void => {
    mkdirSync(real.reports, { recursive: true });
    writeFileSync(join(real.reports, `${source.name}.json`), JSON.stringify(report));
  };
  afterAll(write);

  const obstacle = await source.obstacle();
  if (obstacle !== undefined) {
    report.skipped = { embedded: obstacle, real: obstacle };
    // Nothing is called after tests that are all skipped.
    write();
    it.skip(`${source.name}: ${obstacle}`, () => {});
    return;
  }
  const opponents: Opponent[] = [];
  // First, so that what is seen on the embedded broker can be compared with it.
  if ('missing' in real) {
    report.skipped.real = real.missing;
    it.skip(`Apache Kafka: ${real.missing}`, () => {});
  } else {
    opponents.push(await open('real', real.endpoints, source, async () => {}));
  }
  const embedded = await startEmbedded();
  opponents.push(await open('embedded', embedded.endpoints, source, () => embedded.stop()));
  report.version = opponents[0]!.client.name;
  for (const opponent of opponents) define(source, opponent, report);
  if (opponents.length === 2) refuseStale(source, report);
}

/** A broker of ours asks all for a login or nobody: two stand for the two listeners. */
async function startEmbedded(): Promise<{ endpoints: Endpoints; stop: () => Promise<void> }> {
  const { username, password } = KAFKA_USER;
  const plain = await EmbeddedKafka.start({});
  const sasl = await EmbeddedKafka.start({ sasl: { users: { [username]: password } } });
  return {
    endpoints: { plain: plain.brokers[0]!, sasl: sasl.brokers[0]! },
    stop: async () => {
      await plain.stop();
      await sasl.stop();
    },
  };
}

async function open(
  broker: BrokerName,
  endpoints: Endpoints,
  source: ClientSource,
  stop: () => Promise<void>,
): Promise<Opponent> {
  const client = await source.start(endpoints);
  const scenery = new Scenery(endpoints);
  const close = async (): Promise<void> => {
    await client.close();
    await stop();
  };
  return { broker, client, scenery, close };
}

function define(source: ClientSource, opponent: Opponent, report: SuiteReport): void {
  const { broker, client, scenery } = opponent;
  describe(broker === 'real' ? 'Apache Kafka' : 'the embedded broker', () => {
    afterAll(() => opponent.close());
    describe.concurrent(client.name, () => {
      for (const check of CHECKS) {
        const name = `${check.area}: ${check.name}`;
        const missing = check.needs.filter((need) => !client.offers.has(need));
        if (missing.length > 0) {
          report.outcomes.push({
            check: name,
            broker,
            result: 'not offered',
            because: missing.join(', '),
          });
          continue;
        }
        it(name, async ({ skip }) => {
          const stage = new Stage(source.name, client, scenery, () =>
            source.start(scenery.endpoints),
          );
          const outcome = await run(check, name, broker, stage);
          report.outcomes.push(outcome);
          if (outcome.result === 'not offered') skip(`not offered: ${outcome.because}`);
          settle(source, outcome, report);
        });
      }
    });
  });
}

async function run(check: Check, name: string, broker: BrokerName, stage: Stage): Promise<Outcome> {
  const began = performance.now();
  const ms = (): number => Math.round(performance.now() - began);
  try {
    const seen = (await check.run(stage)) ?? null;
    return {
      check: name,
      broker,
      result: 'passed',
      seen: JSON.parse(JSON.stringify(seen)),
      ms: ms(),
    };
  } catch (error) {
    if (error instanceof NotOffered) {
      return { check: name, broker, result: 'not offered', because: error.message };
    }
    return {
      check: name,
      broker,
      result: 'failed',
      error: error as Error,
      because: String((error as Error).message),
      ms: ms(),
    };
  } finally {
    await stage.close();
  }
}

/** Throws unless the check passed and, on the embedded broker, showed what it showed on the real one. */
function settle(source: ClientSource, outcome: Outcome, report: SuiteReport): void {
  const { error } = outcome;
  delete outcome.error;
  if (outcome.broker === 'real') {
    if (error) throw error;
    return;
  }
  const real = report.outcomes.find(
    ({ check, broker }) => check === outcome.check && broker === 'real',
  );
  // Without a result of the real one there is nothing to compare with.
  if (!error && real?.result !== 'passed') return;
  const difference: Difference = {
    check: outcome.check,
    real: real === undefined ? 'not run' : describeOutcome(real),
    embedded: describeOutcome(outcome),
    explanation: EXPLAINED.find(
      ({ check, clients }) =>
        check === outcome.check && (clients === undefined || clients.includes(source.name)),
    )?.because,
  };
  const same = !error && (real === undefined || isDeepStrictEqual(real.seen, outcome.seen));
  if (same) return;
  if (real === undefined || real.result === 'passed') report.differences.push(difference);
  if (difference.explanation !== undefined) {
    if (error) outcome.result = 'explained';
    return;
  }
  throw (
    error ??
    new Error(`on Apache Kafka ${difference.real}, on the embedded broker ${difference.embedded}`)
  );
}

function describeOutcome({ result, seen, because }: Outcome): string {
  return result === 'passed' ? `seen ${JSON.stringify(seen)}` : `${result}: ${because}`;
}

/** An explanation that explains nothing would hide the next difference. */
function refuseStale(source: ClientSource, report: SuiteReport): void {
  it(`${source.name}: every explanation stands for a difference`, ({ skip }) => {
    const offered = new Set(
      report.outcomes
        .filter(({ broker, result }) => broker === 'embedded' && result !== 'not offered')
        .map(({ check }) => check),
    );
    const ran = new Set(
      report.outcomes.filter(({ broker }) => broker === 'embedded').map(({ check }) => check),
    );
    if (ran.size < CHECKS.length) skip('not all checks ran');
    const stale = EXPLAINED.filter(
      ({ check, clients }) =>
        (clients?.includes(source.name) ?? offered.has(check)) &&
        !report.differences.some((difference) => difference.check === check),
    );
    if (stale.length > 0) throw new Error(stale.map(({ check }) => check).join('; '));
  });
}
