/**
 * Names of all contracts that this process has loaded. A consumer uses it to tell a message that is
 * for somebody else (known, but not handled here) from one that nobody here has ever heard of. It
 * holds what code was imported, as the module cache does, and no state of any service.
 */
const announced = new Set<string>();

/** Makes a type known. */
export function announceType(name: string): void {
  announced.add(name);
}

/** Whether a contract of that name was defined in this process. */
export function isAnnounced(name: string): boolean {
  return announced.has(name);
}
