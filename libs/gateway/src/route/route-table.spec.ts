import { describe, expect, it } from 'vitest';
import { gatewaySchema } from '../gateway.options.js';
import { HeaderList } from '../request/header-list.js';
import { parseFilter, type RequestDraft } from './filters.js';
import { pathPattern } from './path-pattern.js';
import type { Candidate } from './predicates.js';
import { RouteTable } from './route-table.js';

function table(...routes: { id: string; predicates: string[]; order?: number }[]): RouteTable {
  const uri = 'lb://x';
  return new RouteTable(
    gatewaySchema.parse({ routes: routes.map((route) => ({ uri, ...route })) }),
  );
}

function request(path: string, more: Partial<Candidate> = {}): Candidate {
  const host = 'shop.test';
  return { method: 'GET', path, query: '', host, hostname: host, headers: {}, ...more };
}

const found = (routes: RouteTable, candidate: Candidate): string | undefined =>
  routes.find(candidate)?.route.id;

describe('path patterns', () => {
  const cases: [pattern: string, path: string, variables: object | undefined][] = [
    ['/orders/**', '/orders', {}],
    ['/orders/**', '/orders/', {}],
    ['/orders/**', '/orders/7/items', {}],
    ['/orders/**', '/ordersx', undefined],
    ['/orders/*', '/orders/7', {}],
    ['/orders/*', '/orders/7/items', undefined],
    ['/orders/{id}', '/orders/7', { id: '7' }],
    ['/orders/{id}', '/orders/', undefined],
    ['/orders/{id}/items/{item}', '/orders/7/items/b', { id: '7', item: 'b' }],
    ['/orders/{id:[0-9]+}', '/orders/77', { id: '77' }],
    ['/orders/{id:[0-9]+}', '/orders/7x', undefined],
    ['/files/{*rest}', '/files/a/b', { rest: '/a/b' }],
    ['/files/{*rest}', '/files', { rest: '' }],
    ['/*.json', '/data.json', {}],
    ['/a.b', '/aXb', undefined],
    ['/**', '/anything/at/all', {}],
    ['/', '/', {}],
  ];
  for (const [pattern, path, variables] of cases) {
    it(`${pattern} ${variables === undefined ? 'does not take' : 'takes'} ${path}`, () => {
      expect(pathPattern(pattern).match(path)).toEqual(variables);
    });
  }

  it('refuse what is no pattern', () => {
    for (const pattern of ['orders', '/a/**/b', '/{*rest}/x', '/{', '/{a', '/x{a}', '/{a:(x)}']) {
      expect(() => pathPattern(pattern), pattern).toThrow(Error);
    }
  });
});

describe('route table', () => {
  it('takes the first route in order whose predicates all hold', () => {
    const routes = table(
      { id: 'all', predicates: ['Path=/**'], order: 10 },
      { id: 'write', predicates: ['Path=/orders/**', 'Method=POST,PUT'] },
      { id: 'read', predicates: ['Path=/orders/**'] },
    );
    expect(found(routes, request('/orders/1', { method: 'POST' }))).toBe('write');
    expect(found(routes, request('/orders/1'))).toBe('read');
    expect(found(routes, request('/other'))).toBe('all');
  });

  it('knows hosts, headers and parameters', () => {
    const routes = table(
      { id: 'beta', predicates: ['Header=X-Version, \\d+', 'Path=/**'] },
      { id: 'green', predicates: ['Query=colour, gr(?:e|a)y'] },
      { id: 'flag', predicates: ['Query=flag'] },
      { id: 'sub', predicates: ['Host=**.shop.test,shop.example'] },
    );
    expect(found(routes, request('/', { headers: { 'x-version': '12' } }))).toBe('beta');
    expect(found(routes, request('/', { headers: { 'x-version': '12a' } }))).toBe('sub');
    expect(found(routes, request('/', { query: 'colour=gray' }))).toBe('green');
    expect(found(routes, request('/', { query: 'flag' }))).toBe('flag');
    expect(found(routes, request('/', { hostname: 'a.b.shop.test' }))).toBe('sub');
    expect(found(routes, request('/', { hostname: 'evilshop.test' }))).toBeUndefined();
    expect(found(routes, request('/', { hostname: 'shop.test.evil.example' }))).toBeUndefined();
  });

  it('finds one of 10,000 routes about as fast as one of ten', () => {
    const many = (count: number): RouteTable =>
      table(
        ...Array.from({ length: count }, (_, i) => ({
          id: `r${i}`,
          predicates: [`Path=/service-${i}/**`],
        })),
      );
    const time = (routes: RouteTable, path: string): number => {
      const candidate = request(path);
      const start = performance.now();
      for (let i = 0; i < 20_000; i++) routes.find(candidate);
      return performance.now() - start;
    };
    const [few, lots] = [many(10), many(10_000)];
    expect(found(lots, request('/service-9999/x'))).toBe('r9999');
    time(few, '/service-9/x');
    time(lots, '/service-9999/x');
    expect(time(lots, '/service-9999/x')).toBeLessThan(20 * time(few, '/service-9/x') + 20);
  });

  it('is refused by the schema with the reason, whatever is wrong in it', () => {
    const route = { id: 'x', uri: 'lb://orders', predicates: ['Path=/**'] };
    const bad: Record<string, object> = {
      "'Pfad' is no predicate": { ...route, predicates: ['Pfad=/x'] },
      'has no argument': { ...route, predicates: ['Method='] },
      "'Strip' is no filter": { ...route, filters: ['Strip=1'] },
      'expected a whole number': { ...route, filters: ['StripPrefix=-1'] },
      'has 1 arguments, expected 2': { ...route, filters: ['AddRequestHeader=X-Only'] },
      'is no header name': { ...route, filters: ['AddRequestHeader=X Y, z'] },
      'control characters': { ...route, filters: ['AddResponseHeader=X-Y, a\r\nb'] },
      'exponential time': { ...route, predicates: ['Path=/**', 'Query=a, (a+)+'] },
      'can take exponential': { ...route, filters: ['RewritePath=/(a*)*b, /x'] },
      'is no regular expression': { ...route, filters: ['RewritePath=/(, /x'] },
      'expected lb://': { ...route, uri: 'file:///etc/passwd' },
      'link-local': { ...route, uri: 'http://169.254.169.254' },
      'scheme, host and port only': { ...route, uri: 'http://127.0.0.1:1/secret' },
      'cannot demand scopes': { ...route, auth: { public: true, scopes: ['a'] } },
    };
    for (const [message, wrong] of Object.entries(bad)) {
      const result = gatewaySchema.safeParse({ routes: [wrong] });
      expect(JSON.stringify(result.error?.issues), message).toContain(message);
    }
    const twice = gatewaySchema.safeParse({ routes: [route, route] });
    expect(JSON.stringify(twice.error?.issues)).toContain('same id');
  });

  it('takes expressions in routes for what they are: text', () => {
    const routes = table({ id: 'x', predicates: ['Header=X-Test, #\\{1\\+1\\}', 'Path=/**'] });
    expect(found(routes, request('/', { headers: { 'x-test': '#{1+1}' } }))).toBe('x');
    expect(found(routes, request('/', { headers: { 'x-test': '2' } }))).toBeUndefined();
  });
});

describe('filters', () => {
  function draft(path: string, query = '', variables = {}): RequestDraft {
    const headers = HeaderList.fromRaw(['X-A', '1', 'X-B', '2'], () => false);
    return { method: 'GET', path, query, headers, variables, preserveHost: false };
  }

  const paths: [filter: string, before: string, after: string, variables?: object][] = [
    ['StripPrefix=1', '/orders/7/items', '/7/items'],
    ['StripPrefix=2', '/api/orders', '/'],
    ['StripPrefix=9', '/api/orders', '/'],
    ['PrefixPath=/v1', '/orders', '/v1/orders'],
    ['PrefixPath=/v1/', '/orders', '/v1/orders'],
    ['SetPath=/internal/{id}', '/orders/7', '/internal/7', { id: '7' }],
    ['SetPath=/internal/{constructor}', '/x', '/internal/{constructor}'],
    ['RewritePath=/red/?(?<rest>.*), /$\\{rest}', '/red/blue', '/blue'],
    ['RewritePath=^/a/(.*)$, /b/$1', '/a/x', '/b/x'],
    ['RewritePath=/a, /b,c', '/a', '/b,c'],
  ];
  for (const [filter, before, after, variables] of paths) {
    it(`${filter} makes ${after} of ${before}`, () => {
      const change = draft(before, '', variables);
      parseFilter(filter).request!(change);
      expect(change.path).toBe(after);
    });
  }

  it('change headers and parameters', () => {
    const change = draft('/', 'a=1&b=2&a=3', { id: '7' });
    for (const text of [
      'AddRequestHeader=X-C, id {id}',
      'SetRequestHeader=x-a, one',
      'RemoveRequestHeader=X-B',
      'RemoveRequestParameter=a',
      'AddRequestParameter=c, x y',
    ]) {
      parseFilter(text).request!(change);
    }
    expect(change.headers.flat()).toEqual(['x-c', 'id 7', 'x-a', 'one']);
    expect(change.query).toBe('b=2&c=x%20y');
  });

  it('answer instead of the upstream', () => {
    expect(parseFilter('RedirectTo=302, https://shop.test/').request!(draft('/'))).toEqual({
      status: 302,
      headers: { location: 'https://shop.test/' },
    });
  });
});
