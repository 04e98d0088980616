import type { ContractFinding } from '@rookery/messaging/contracts';
import { findingsText } from '../contracts/findings-text.js';
import { workspaceContracts } from '../contracts/workspace-contracts.js';
import { openWorkspace } from '../workspace/rookery-file.js';

type Say = (text: string) => void;

/**
 * Compares contracts with their lock files and with each other: `rookery contracts check`.
 *
 * @returns whether all is well: nobody breaks, and the lock files are up to date
 */
export async function checkContracts(json: boolean, say: Say): Promise<boolean> {
  const { contracts, folder, consumers } = await workspaceContracts(openWorkspace());
  const tools = await import('@rookery/messaging/contracts');
  const findings: ContractFinding[] = [
    ...tools.checkContracts({ contracts, locked: folder.contracts(), consumers }),
    ...tools.checkSamples(contracts, folder.samples()),
  ];
  if (JSON.stringify(folder.consumers()) !== JSON.stringify(consumers)) {
    findings.push({
      contract: '*',
      rule: 'not-locked',
      severity: 'outdated',
      message: 'the handlers of the apps are not those in consumers.lock.json',
      consumers: [],
    });
  }
  const errors = findings.filter(({ severity }) => severity === 'error').length;
  const outdated = findings.filter(({ severity }) => severity === 'outdated').length;
  const ok = errors + outdated === 0;
  if (json) say(JSON.stringify({ ok, contracts: contracts.length, findings }));
  else {
    if (findings.length > 0) say(findingsText(findings));
    say(verdict(contracts.length, errors, outdated));
  }
  return ok;
}

/**
 * Writes lock files and golden samples: `rookery contracts lock`.
 *
 * @returns whether they were written
 */
export async function lockContracts(
  { unreleased = '', json = false }: { readonly unreleased?: string; readonly json?: boolean },
  say: Say,
): Promise<boolean> {
  const { contracts, folder, consumers } = await workspaceContracts(openWorkspace());
  const tools = await import('@rookery/messaging/contracts');
  const mayChange = new Set(unreleased.split(',').filter((each) => each !== ''));
  const outcome = tools.lockContracts(folder, contracts, consumers, mayChange);
  if (json) say(JSON.stringify(outcome));
  else {
    const shown = outcome.written
      ? outcome.findings.filter(({ rule }) => rule !== 'golden-sample' && rule !== 'not-locked')
      : outcome.findings;
    const failed = outcome.findings.filter(({ severity }) => severity === 'error');
    const text = findingsText([...new Set([...shown, ...failed])]);
    if (text !== '') say(text);
    const count = `${contracts.length} contracts`;
    const added = outcome.samples.length === 0 ? '' : `, ${outcome.samples.length} new samples`;
    say(outcome.written ? `locked ${count} in ${folder.path}${added}` : 'nothing was written');
  }
  return outcome.written && !outcome.findings.some(({ severity }) => severity === 'error');
}

function verdict(contracts: number, errors: number, outdated: number): string {
  if (errors > 0) return `${errors} of what was found would break somebody`;
  if (outdated > 0)
    return 'the lock files are outdated: run rookery contracts lock, and commit them';
  return `${contracts} contracts are as they were released, or compatible`;
}
