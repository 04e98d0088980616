import type { ContractFinding } from '@rookery/messaging/contracts';
import pc from 'picocolors';

/** Findings for eyes: what is wrong first, each with rule, field and who is hit. */
export function findingsText(findings: readonly ContractFinding[]): string {
  const order = ['error', 'outdated', 'note'] as const;
  return order
    .flatMap((severity) => findings.filter((each) => each.severity === severity))
    .map(line)
    .join('\n');
}

function line({ severity, contract, rule, path, versions, message, consumers }: ContractFinding) {
  const paint = { error: pc.red, outdated: pc.yellow, note: pc.dim }[severity];
  const pair = versions === undefined ? '' : ` v${versions[0]} -> v${versions[1]}`;
  const place = path === undefined ? '' : ` ${path}`;
  const hit = consumers.length === 0 ? '' : `\n          hits ${consumers.join(', ')}`;
  return `${paint(severity.padEnd(8))} ${contract}${pair}${place} [${rule}]\n          ${message}${hit}`;
}
