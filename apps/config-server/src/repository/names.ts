import { ConfigNotFoundError, InvalidNameError } from '../config-server.errors.js';

/** What a client asks for. */
export interface Address {
  /** Names as they came, `foo,bar`; part of the answer. */
  readonly name: string;
  /** The first loses: `application` is put before them. */
  readonly applications: readonly string[];
  /** The last one wins. */
  readonly profiles: readonly string[];
  readonly label: string | undefined;
}

/** One step of a name. Dots only inside, so that no name is `..` or hidden. */
const STEP = /^[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_-])?$/;
const MAX_LENGTH = 200;
const MAX_NAMES = 10;
/** Our own endpoints; asking for an application of that name is a mistyped management path. */
const RESERVED = new Set(['manage']);

/**
 * Checks what a client sent, decoded once by the router. Whatever could leave the folder is refused
 * before any file is looked at (CVE-2019-3799, CVE-2020-5405, CVE-2020-5410).
 *
 * @throws InvalidNameError, ConfigNotFoundError
 */
export function parseAddress(application: string, profiles: string, label?: string): Address {
  const applications = names('application', application, true);
  if (RESERVED.has(application)) throw new ConfigNotFoundError('no such management endpoint');
  return {
    name: application,
    applications,
    profiles: names('profile', profiles, false),
    label: label === undefined ? undefined : path('label', label),
  };
}

function names(what: string, text: string, folders: boolean): string[] {
  if (text.length > MAX_LENGTH) throw refusal(what);
  const list = text.split(',').map((each) => each.trim());
  if (list.length > MAX_NAMES) throw refusal(what);
  return [...new Set(list.map((each) => (folders ? path(what, each) : step(what, each))))];
}

/** A name with folders: clients write `(_)` for `/`, which itself cannot be part of a segment. */
function path(what: string, text: string): string {
  if (text.length > MAX_LENGTH || text.includes('/')) throw refusal(what);
  const steps = text.split('(_)');
  if (steps.length > MAX_NAMES) throw refusal(what);
  return steps.map((each) => step(what, each)).join('/');
}

function step(what: string, text: string): string {
  if (!STEP.test(text) || text.includes('..')) throw refusal(what);
  return text;
}

const refusal = (what: string): InvalidNameError =>
  new InvalidNameError(`the ${what} is not a name: expected A-Z a-z 0-9 . _ - and (_) for /`);
