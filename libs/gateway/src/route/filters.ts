import type { HeaderList } from '../request/header-list.js';
import type { PathVariables } from './path-pattern.js';
import { safePattern } from './safe-pattern.js';
import { parseShortcut } from './shortcut.js';

/** A request on its way upstream; filters change it in place. */
export interface RequestDraft {
  readonly method: string;
  path: string;
  query: string;
  readonly headers: HeaderList;
  readonly variables: PathVariables;
  /** Send the client's Host instead of the upstream's. */
  preserveHost: boolean;
}

/** An answer on its way to the client. */
export interface ResponseDraft {
  status: number;
  readonly headers: HeaderList;
}

/** An answer that a filter gives instead of the upstream. */
export interface DirectAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
}

/** Changes requests or answers of a route. */
export interface Filter {
  readonly name: string;
  readonly request?: (draft: RequestDraft) => DirectAnswer | void;
  readonly response?: (draft: ResponseDraft) => void;
}

type Maker = (args: readonly [string, string, ...string[]]) => Omit<Filter, 'name'>;

const MAKERS: Readonly<Record<string, { arity: number; make: Maker }>> = {
  StripPrefix: {
    arity: 1,
    make([count]) {
      const parts = whole(count, 0, 32);
      return {
        request(draft) {
          draft.path = `/${draft.path
            .split('/')
            .slice(parts + 1)
            .join('/')}`;
        },
      };
    },
  },
  PrefixPath: {
    arity: 1,
    make([prefix]) {
      const path = prefix.replace(/\/$/, '');
      if (!path.startsWith('/')) throw new Error(`'${prefix}' must begin with /`);
      return { request: (draft) => void (draft.path = path + draft.path) };
    },
  },
  SetPath: {
    arity: 1,
    make([template]) {
      if (!template.startsWith('/')) throw new Error(`'${template}' must begin with /`);
      return { request: (draft) => void (draft.path = fill(template, draft.variables)) };
    },
  },
  RewritePath: {
    arity: 2,
    make([regex, replacement]) {
      const pattern = safePattern(regex, 'g');
      // Spring writes $\{name}, because ${name} would be a placeholder of the configuration.
      const template = replacement.replaceAll('$\\{', '${').replace(/\$\{(\w+)\}/g, '$<$1>');
      return {
        request(draft) {
          const path = draft.path.replace(pattern, template);
          draft.path = path.startsWith('/') ? path : `/${path}`;
        },
      };
    },
  },
  AddRequestHeader: header((name, value) => ({
    request: ({ headers, variables }) => headers.add(name, fill(value, variables)),
  })),
  SetRequestHeader: header((name, value) => ({
    request: ({ headers, variables }) => headers.set(name, fill(value, variables)),
  })),
  RemoveRequestHeader: {
    arity: 1,
    make: ([name]) => ({ request: ({ headers }) => headers.remove(name) }),
  },
  AddRequestParameter: {
    arity: 2,
    make([name, value]) {
      const pair = `${encodeURIComponent(name)}=${encodeURIComponent(value)}`;
      return {
        request: (draft) => void (draft.query = draft.query ? `${draft.query}&${pair}` : pair),
      };
    },
  },
  RemoveRequestParameter: {
    arity: 1,
    make: ([name]) => ({
      request(draft) {
        const parameters = draft.query.split('&');
        draft.query = parameters.filter((pair) => nameOf(pair) !== name).join('&');
      },
    }),
  },
  AddResponseHeader: header((name, value) => ({
    response: ({ headers }) => headers.add(name, value),
  })),
  SetResponseHeader: header((name, value) => ({
    response: ({ headers }) => headers.set(name, value),
  })),
  RemoveResponseHeader: {
    arity: 1,
    make: ([name]) => ({ response: ({ headers }) => headers.remove(name) }),
  },
  PreserveHostHeader: {
    arity: 0,
    make: () => ({ request: (draft) => void (draft.preserveHost = true) }),
  },
  SetStatus: {
    arity: 1,
    make([code]) {
      const status = whole(code, 200, 599);
      return { response: (draft) => void (draft.status = status) };
    },
  },
  RedirectTo: {
    arity: 2,
    make([code, url]) {
      const status = whole(code, 300, 308);
      if (URL.parse(url) === null) throw new Error(`'${url}' is no absolute URL`);
      return { request: () => ({ status, headers: { location: url } }) };
    },
  },
};

/**
 * Reads a filter, for example `StripPrefix=1`, `RewritePath=/red/(?<rest>.*), /$\{rest}` or
 * `AddRequestHeader=X-Via, gateway`. Names and arguments are Spring Cloud Gateway's.
 *
 * @throws Error saying what is wrong
 */
export function parseFilter(text: string): Filter {
  const { name, args } = parseShortcut(text, (known) => MAKERS[known]?.arity ?? Infinity);
  const maker = MAKERS[name];
  if (maker === undefined) {
    throw new Error(`'${name}' is no filter, expected ${Object.keys(MAKERS).join(', ')}`);
  }
  if (args.length !== maker.arity) {
    throw new Error(`'${text}' has ${args.length} arguments, expected ${maker.arity}`);
  }
  return { name, ...maker.make(args as unknown as [string, string]) };
}

function header(make: (name: string, value: string) => Omit<Filter, 'name'>): {
  arity: number;
  make: Maker;
} {
  return {
    arity: 2,
    make([name, value]) {
      if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name))
        throw new Error(`'${name}' is no header name`);
      if (!/^[\t\x20-\x7e]*$/.test(value))
        throw new Error(`the value of ${name} has control characters`);
      return make(name, value);
    },
  };
}

/** Puts path variables into a template: `{name}`. Nothing else is evaluated. */
function fill(template: string, variables: PathVariables): string {
  return template.replace(/\{(\w+)\}/g, (hole, name: string) =>
    Object.hasOwn(variables, name) ? variables[name]! : hole,
  );
}

function whole(text: string, least: number, most: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new Error(`'${text}' is not allowed, expected a whole number from ${least} to ${most}`);
}

function nameOf(pair: string): string | undefined {
  return new URLSearchParams(pair).keys().next().value;
}
