import { fileURLToPath } from 'node:url';

/** Whether this package runs from its TypeScript sources, in a checkout. */
export const fromSources = import.meta.url.endsWith('.ts');

/** Address of the hook by which Node runs TypeScript sources. */
export const sourceHook = new URL('../../runtime/source-hook.js', import.meta.url).href;
/** Address of what ends a process when its parent is gone. */
export const parentGuard = new URL('../../runtime/parent-guard.js', import.meta.url).href;

/**
 * Arguments of Node that run a script of this package, built or not.
 *
 * @param path of the script below `src`, without extension
 */
export function ownScript(path: string): string[] {
  const script = fileURLToPath(new URL(`../${path}.${fromSources ? 'ts' : 'js'}`, import.meta.url));
  return fromSources ? ['--import', sourceHook, script] : [script];
}
