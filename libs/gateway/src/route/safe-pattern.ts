import isSafe from 'safe-regex2';

/**
 * A regular expression from configuration. One whose time can explode is refused: a single request
 * would stop the gateway.
 *
 * @throws Error saying what is wrong with it
 */
export function safePattern(source: string, flags = ''): RegExp {
  let pattern: RegExp;
  try {
    pattern = new RegExp(source, flags);
  } catch (error) {
    throw new Error(`'${source}' is no regular expression: ${(error as Error).message}`);
  }
  if (!isSafe(pattern)) throw new Error(`'${source}' can take exponential time`);
  return pattern;
}

/** Text as a pattern that matches just it. */
export function escapePattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}
