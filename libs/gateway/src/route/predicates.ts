import type { IncomingMessage } from 'node:http';
import type { Admitted } from '../request/admission.js';
import { pathPattern, type PathPattern, type PathVariables } from './path-pattern.js';
import { escapePattern, safePattern } from './safe-pattern.js';
import { parseShortcut } from './shortcut.js';

/** What predicates look at. */
export interface Candidate extends Admitted {
  readonly headers: IncomingMessage['headers'];
}

/** A condition of a route: the variables that it found, or `undefined` when it does not hold. */
export interface Predicate {
  readonly name: string;
  readonly test: (candidate: Candidate) => PathVariables | undefined;
  /** Of `Path`: the patterns, for the index over routes. */
  readonly paths?: readonly PathPattern[];
}

const HOLDS: PathVariables = Object.freeze({});

type Maker = (args: readonly string[]) => Omit<Predicate, 'name'>;

const MAKERS: Readonly<Record<string, { arity: number; least: number; make: Maker }>> = {
  Path: {
    arity: Infinity,
    least: 1,
    make(args) {
      const paths = args.map(pathPattern);
      return {
        paths,
        test({ path }) {
          for (const pattern of paths) {
            const variables = pattern.match(path);
            if (variables !== undefined) return variables;
          }
          return undefined;
        },
      };
    },
  },
  Method: {
    arity: Infinity,
    least: 1,
    make(args) {
      const methods = new Set(args.map((method) => method.toUpperCase()));
      return { test: ({ method }) => (methods.has(method) ? HOLDS : undefined) };
    },
  },
  Host: {
    arity: Infinity,
    least: 1,
    make(args) {
      const hosts = args.map(hostPattern);
      return {
        test: ({ hostname }) => (hosts.some((host) => host.test(hostname)) ? HOLDS : undefined),
      };
    },
  },
  Header: {
    arity: 2,
    least: 1,
    make([name, pattern]) {
      const regex = whole(pattern);
      return {
        test({ headers }) {
          const value = headers[name!.toLowerCase()];
          if (value === undefined) return undefined;
          return regex.test(Array.isArray(value) ? value.join(', ') : value) ? HOLDS : undefined;
        },
      };
    },
  },
  Query: {
    arity: 2,
    least: 1,
    make([name, pattern]) {
      const regex = whole(pattern);
      return {
        test({ query }) {
          const values = new URLSearchParams(query).getAll(name!);
          return values.some((value) => regex.test(value)) ? HOLDS : undefined;
        },
      };
    },
  },
};

/**
 * Reads a predicate: `Path=/orders/**`, `Method=GET,POST`, `Host=**.example.org`,
 * `Header=X-Version, \d+`, `Query=colour, gr(?:e|a)y`.
 *
 * @throws Error saying what is wrong
 */
export function parsePredicate(text: string): Predicate {
  const { name, args } = parseShortcut(text, (known) => MAKERS[known]?.arity ?? Infinity);
  const maker = MAKERS[name];
  if (maker === undefined) {
    throw new Error(`'${name}' is no predicate, expected ${Object.keys(MAKERS).join(', ')}`);
  }
  if (args.length < maker.least) throw new Error(`'${text}' has no argument`);
  return { name, ...maker.make(args) };
}

/** Patterns of headers and parameters mean the whole value. */
function whole(pattern: string | undefined): RegExp {
  return pattern === undefined ? /^/ : safePattern(`^(?:${pattern})$`);
}

/** `*` is one label, `**` any number of them. */
function hostPattern(source: string): RegExp {
  const labels = source.toLowerCase().split('.');
  const parts = labels.map((label, i) => {
    const dot = i === labels.length - 1 ? '' : '\\.';
    if (label === '**') return `(?:[^.]+(?:\\.[^.]+)*${dot})?`;
    return label.split('*').map(escapePattern).join('[^.]+') + dot;
  });
  return new RegExp(`^${parts.join('')}$`);
}
