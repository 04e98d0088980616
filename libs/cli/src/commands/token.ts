import { fetchToken } from '../run/demo-token.js';
import { findRunningIssuer } from '../run/running-platform.js';

/** Prints a token of the demo client with every scope: `rookery token`. */
export async function token(say: (text: string) => void): Promise<void> {
  say(await fetchToken(findRunningIssuer()));
}
