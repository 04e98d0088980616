/** `Name=argument, argument`, the shortcut form of Spring Cloud Gateway's predicates and filters. */
export interface Shortcut {
  readonly name: string;
  readonly args: readonly string[];
}

/**
 * Reads a shortcut. The last argument keeps its commas when `arity` says how many there are.
 *
 * @throws Error when it has no name
 */
export function parseShortcut(text: string, arity: (name: string) => number): Shortcut {
  const at = text.indexOf('=');
  const name = (at === -1 ? text : text.slice(0, at)).trim();
  if (!/^[A-Za-z]+$/.test(name)) throw new Error(`'${text}' has no name before the =`);
  const rest = at === -1 ? '' : text.slice(at + 1).trim();
  if (rest === '') return { name, args: [] };
  const parts = rest.split(',');
  const wanted = arity(name);
  if (parts.length > wanted) parts.splice(wanted - 1, Infinity, parts.slice(wanted - 1).join(','));
  return { name, args: parts.map((part) => part.trim()) };
}
