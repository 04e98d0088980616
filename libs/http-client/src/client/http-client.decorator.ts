import { Injectable } from '@nestjs/common';
import { InvalidOptionError } from '@rookery/core';
import type { ClientAuth } from '../exchange/http-request.js';
import { declareClient } from './client-metadata.js';

/** Options of {@link HttpClient}. */
export interface HttpClientOptions {
  /**
   * Whose token the requests carry: the service's own, the one of the request that is being served,
   * or none.
   *
   * @default 'service'
   */
  readonly auth?: ClientAuth;
}

const AUTH: readonly ClientAuth[] = ['service', 'relay', 'none'];

/**
 * Makes a class a client of a service. Its methods say what they send with `@Get` and its like, and
 * return {@link exchange}; provide it with `HttpClientModule.forFeature()`.
 *
 * @param serviceId id of the service in discovery
 * @throws InvalidOptionError when an option is wrong
 */
export function HttpClient(serviceId: string, options: HttpClientOptions = {}): ClassDecorator {
  const { auth = 'service', ...rest } = options;
  const problems = Object.keys(rest).map((key) => `${key}: unknown option`);
  if (!AUTH.includes(auth)) {
    problems.push(`auth: ${JSON.stringify(auth)} is not allowed, expected ${AUTH.join(', ')}`);
  }
  if (!/^[a-z][a-z0-9-]*$/.test(serviceId)) {
    problems.push(`serviceId: '${serviceId}' is not allowed, expected a name like order-history`);
  }
  return (target) => {
    if (problems.length > 0)
      throw new InvalidOptionError(`@HttpClient on ${target.name}`, problems);
    declareClient(target, { serviceId, auth });
    Injectable()(target);
  };
}
