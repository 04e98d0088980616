import { describe, expect, it } from 'vitest';
import {
  MalformedRequestError,
  MisdirectedRequestError,
  UrlTooLongError,
} from '../gateway.errors.js';
import { requestTarget } from './request-target.js';

const target = (raw: string) => requestTarget(raw, 'shop.test', 8_192);

describe('request target', () => {
  it('gives equal paths one form', () => {
    expect(target('/orders/7?x=1&y=%20')).toEqual({ path: '/orders/7', query: 'x=1&y=%20' });
    expect(target('/%6f%72ders/%7e')).toEqual({ path: '/orders/~', query: '' });
    expect(target('/caf%c3%a9')).toEqual({ path: '/caf%C3%A9', query: '' });
    expect(target('/a%2eb/c;v=1')).toEqual({ path: '/a.b/c;v=1', query: '' });
    expect(target('/')).toEqual({ path: '/', query: '' });
    expect(target('/...')).toEqual({ path: '/...', query: '' });
    expect(target('/100%25')).toEqual({ path: '/100%25', query: '' });
    expect(target('/a?to=/x//y/../z')).toEqual({ path: '/a', query: 'to=/x//y/../z' });
  });

  it('takes an absolute target of this host', () => {
    expect(target('http://shop.test/orders?x')).toEqual({ path: '/orders', query: 'x' });
    expect(target('http://SHOP.test')).toEqual({ path: '/', query: '' });
  });

  it('is not for the absolute targets of others', () => {
    for (const raw of ['http://evil.test/orders', 'http://shop.test@evil.test/', 'https://x/']) {
      expect(() => target(raw), raw).toThrow(MisdirectedRequestError);
    }
  });

  const refused = [
    '/orders/../manage',
    '/orders/./x',
    '/..',
    '/orders/%2e%2e/manage',
    '/orders/%2E./manage',
    '/orders/.%2e',
    '/orders/..%2fmanage',
    '/orders%2Fmanage',
    '/orders/..;/manage',
    '/orders/..;a=b/manage',
    '/orders/%2e%2e%3b/x%2f',
    '/orders\\..\\manage',
    '/orders/..%5cmanage',
    '/orders%5C',
    '/orders/%252e%252e/x',
    '/orders/%252fx',
    '/orders/%25252e',
    '/orders/%255c',
    '//evil.test/orders',
    '/orders//7',
    '/orders/%00',
    '/orders/x%0d%0aX-Injected:%201',
    '/orders/%1f',
    '/orders/%7f',
    '/orders/%zz',
    '/orders/%',
    '/orders/%4',
    '/orders#fragment',
    '/orders/\u0001',
    '/orders/caf\u00e9',
    '/orders/{x}',
    '/orders?x=%00',
    '/orders?x=\u00e9',
    '/orders?x#y',
    '*',
    'orders',
    '',
    'file:///etc/passwd',
    'gopher://x/',
  ];
  for (const raw of refused) {
    it(`refuses ${JSON.stringify(raw)}`, () => {
      expect(() => target(raw)).toThrow(MalformedRequestError);
    });
  }

  it('refuses what is longer than the limit', () => {
    expect(() => target(`/${'x'.repeat(8_192)}`)).toThrow(UrlTooLongError);
    expect(target(`/${'x'.repeat(8_191)}`).path).toHaveLength(8_192);
  });
});
