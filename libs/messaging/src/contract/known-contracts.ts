import type { MessageContract } from './contract.js';

/** By name. As many as the process defines, each once: contracts are constants of modules. */
const known = new Map<string, MessageContract>();

/** Notes a contract that was defined in this process. */
export function rememberContract(contract: MessageContract): void {
  known.set(contract.name, contract);
}

/** The contracts that this process has defined, and that a service owns: what it may publish. */
export function contractsOwnedBy(service: string): MessageContract[] {
  return [...known.values()].filter(({ owner }) => owner === service);
}
