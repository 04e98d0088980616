// What the policies cost, measured on the built package: CPU nanoseconds per call, median of
// interleaved rounds, printed as JSON. `resilience.bench.ts` runs it in a process of its own,
// because vitest reads every import through a getter, which costs more than what is measured here.
/* oxlint-disable no-console, no-new-func, typescript/no-implied-eval -- prints figures; each loop needs code of its own */
import 'reflect-metadata';
import { runInContext } from '@rookery/core';
import {
  Bulkhead,
  bulkhead,
  CircuitBreaker,
  circuitBreaker,
  circuitCallChannel,
  composePolicies,
  Fallback,
  fallback,
  Retry,
  retry,
  Timeout,
  timeout,
} from '@rookery/resilience';

const ROUNDS = 15;
const CALLS = 100_000;

let count = 0;
const call = async () => ++count;

class Decorated {
  async bare() {
    return ++count;
  }
  async one() {
    return ++count;
  }
  async five() {
    return ++count;
  }
}

function decorate(key, ...decorators) {
  const descriptor = Object.getOwnPropertyDescriptor(Decorated.prototype, key);
  for (const decorator of decorators) decorator(Decorated.prototype, key, descriptor);
  Object.defineProperty(Decorated.prototype, key, descriptor);
}
decorate('one', CircuitBreaker());
decorate(
  'five',
  Fallback(() => -1),
  Retry(),
  CircuitBreaker(),
  Timeout('1s'),
  Bulkhead(),
);

const five = () =>
  composePolicies(
    fallback(() => -1),
    retry(),
    circuitBreaker(),
    timeout('1s'),
    bulkhead(),
  );

/** Each candidate has a loop of its own, so that none shares another's inline caches. */
const loop = (body, it) =>
  new Function(
    'it',
    'call',
    `return async (calls) => { for (let i = 0; i < calls; i++) await ${body}; }`,
  )(it, call);

const told = loop('it.run(call)', circuitBreaker());
const inRequest = loop('it.run(call)', five());
const candidates = {
  call: loop('call()'),
  breaker: loop('it.run(call)', circuitBreaker()),
  exactBreaker: loop(
    'it.run(call)',
    circuitBreaker({ window: { type: 'time' }, slowCallDuration: '500ms' }),
  ),
  toldBreaker: async (calls) => {
    const stop = circuitCallChannel.subscribe(() => {});
    await told(calls);
    stop();
  },
  five: loop('it.run(call)', five()),
  fiveInRequest: (calls) =>
    runInContext({ app: 'bench', correlationId: 'bench' }, () => inRequest(calls)),
  method: loop('it.bare()', new Decorated()),
  decoratedBreaker: loop('it.one()', new Decorated()),
  decoratedFive: loop('it.five()', new Decorated()),
};

const samples = Object.fromEntries(Object.keys(candidates).map((name) => [name, []]));
for (let round = -3; round < ROUNDS; round++) {
  for (const [name, run] of Object.entries(candidates)) {
    const before = process.cpuUsage();
    await run(CALLS);
    const { user, system } = process.cpuUsage(before);
    if (round >= 0) samples[name].push(((user + system) * 1_000) / CALLS);
  }
}
const ns = Object.fromEntries(
  Object.entries(samples).map(([name, values]) => [
    name,
    values.sort((a, b) => a - b)[Math.floor(ROUNDS / 2)],
  ]),
);
console.log(JSON.stringify(ns));
