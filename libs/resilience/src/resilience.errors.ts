import { RookeryError } from '@rookery/core';

/** An operator named a policy that the service does not have. */
export class UnknownPolicyError extends RookeryError {
  override readonly code = 'RKY_RES_UNKNOWN_POLICY';
  override readonly status = 404;
  override readonly title = 'Unknown policy';

  constructor(kind: string, name: string) {
    super(`there is no ${kind} '${name}'`);
  }
}

/** More named policies than any service declares: names are made at run time, and would never end. */
export class TooManyPoliciesError extends RookeryError {
  override readonly code = 'RKY_RES_TOO_MANY_POLICIES';
  override readonly title = 'Too many policies';

  constructor(limit: number) {
    super(`more than ${limit} resilience policies: are their names made from requests?`);
  }
}
