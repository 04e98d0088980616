import { fileURLToPath } from 'node:url';
import { LockFolder, sampleProblem } from '@rookery/messaging/contracts';
import type { MessageContract } from '@rookery/messaging';
import { describe, expect, it } from 'vitest';
import * as exported from './index.js';

const folder = new LockFolder(fileURLToPath(new URL('../../../contracts', import.meta.url)));
const contracts = new Map<string, MessageContract>(
  Object.values(exported)
    .filter((each): each is MessageContract & typeof each => 'latest' in each)
    .map((contract) => [contract.name, contract] as const),
);
const samples = folder.samples();

describe('golden samples', () => {
  it('are there for every version of every contract', () => {
    const wanted = [...contracts.values()].flatMap(({ name, versions }) =>
      Object.keys(versions).map((version) => `${name}@${version}`),
    );
    const found = samples.map(({ contract, version }) => `${contract}@${version}`);
    expect(wanted.filter((each) => !found.includes(each))).toEqual([]);
    expect(wanted.length).toBeGreaterThan(20);
  });

  it.each(samples)('of $contract v$version is read by the code of today', (sample) => {
    const contract = contracts.get(sample.contract);
    expect(contract, `${sample.file} is of a contract that is gone`).toBeDefined();
    expect(sampleProblem(contract as MessageContract, sample.version, sample.data)).toBeUndefined();
  });
});
