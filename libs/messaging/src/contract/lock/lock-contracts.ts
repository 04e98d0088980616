import type { MessageContract } from '../contract.js';
import { checkSamples } from '../samples/check-samples.js';
import { sampleOf } from '../samples/golden-samples.js';
import { NoValueError } from '../samples/schema-value.js';
import { checkContracts, type ContractFinding } from './check-contracts.js';
import type { KnownConsumers } from './consumer-lock.js';
import { describeContract } from './contract-lock.js';
import type { LockFolder } from './lock-folder.js';

/** What {@link lockContracts} has done. */
export interface LockOutcome {
  /** Whether the files were written; not when a finding is an error. */
  readonly written: boolean;
  readonly findings: readonly ContractFinding[];
  /** Golden samples that were added, as `orders.order-placed@2`. */
  readonly samples: readonly string[];
}

/**
 * Brings the lock files up to today's contracts, and adds golden samples that are missing, unless that
 * would break somebody: then nothing is written.
 *
 * @param unreleased versions, as `orders.order-placed@2`, that may be written anew
 * @throws LockFileError when a file cannot be read
 */
export function lockContracts(
  folder: LockFolder,
  contracts: readonly MessageContract[],
  consumers: KnownConsumers,
  unreleased: ReadonlySet<string> = new Set(),
): LockOutcome {
  const locked = folder.contracts();
  const findings = [
    ...checkContracts({ contracts, locked, consumers, unreleased }),
    ...checkSamples(
      contracts,
      folder.samples().filter(({ contract, version }) => !unreleased.has(`${contract}@${version}`)),
    ),
  ];
  if (findings.some(({ severity }) => severity === 'error')) {
    return { written: false, findings, samples: [] };
  }
  const described = contracts.map(
    (contract) => [contract.name, describeContract(contract)] as const,
  );
  folder.write(Object.fromEntries(described), consumers);
  const samples: string[] = [];
  for (const contract of contracts) {
    for (const version of Object.keys(contract.versions).map(Number)) {
      const id = `${contract.name}@${version}`;
      try {
        const data = sampleOf(contract, version);
        if (folder.addSample(contract.name, version, data, unreleased.has(id))) samples.push(id);
      } catch (error) {
        if (!(error instanceof NoValueError)) throw error;
        findings.push(noSample(contract.name, version, error));
      }
    }
  }
  return { written: true, findings, samples };
}

function noSample(contract: string, version: number, { message }: Error): ContractFinding {
  return {
    contract,
    rule: 'golden-sample',
    severity: 'error',
    message: `no sample of version ${version} can be made (${message}): give the contract examples: { ${version}: ... }`,
    consumers: [],
  };
}
