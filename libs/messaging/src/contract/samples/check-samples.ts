import type { MessageContract } from '../contract.js';
import type { ContractFinding } from '../lock/check-contracts.js';
import type { LockedSample } from '../lock/lock-folder.js';
import { sampleProblem } from './golden-samples.js';

/**
 * Reads every golden sample with today's code. Versions that have none are told, and so are samples
 * whose version is gone.
 */
export function checkSamples(
  contracts: readonly MessageContract[],
  samples: readonly LockedSample[],
): ContractFinding[] {
  const byName = new Map(contracts.map((contract) => [contract.name, contract]));
  const missing = new Set(
    contracts.flatMap(({ name, versions }) => Object.keys(versions).map((v) => `${name}@${v}`)),
  );
  const findings = samples.flatMap(({ contract: name, version, data, file }): ContractFinding[] => {
    const contract = byName.get(name);
    missing.delete(`${name}@${version}`);
    if (contract?.versions[version] === undefined) {
      return [tell(name, 'note', `the sample ${file} is of a version that is gone: remove it`)];
    }
    const problem = sampleProblem(contract, version, data);
    return problem === undefined ? [] : [tell(name, 'error', `the sample ${file} ${problem}`)];
  });
  for (const each of missing) {
    const at = each.lastIndexOf('@');
    findings.push(
      tell(each.slice(0, at), 'outdated', `version ${each.slice(at + 1)} has no golden sample`),
    );
  }
  return findings;
}

function tell(
  contract: string,
  severity: ContractFinding['severity'],
  message: string,
): ContractFinding {
  return { contract, rule: 'golden-sample', severity, message, consumers: [] };
}
