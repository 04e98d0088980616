/** Micrometer's `outcome` of an HTTP status. */
export function outcomeOf(status: number): string {
  if (status >= 200 && status < 300) return 'SUCCESS';
  if (status >= 300 && status < 400) return 'REDIRECTION';
  if (status >= 400 && status < 500) return 'CLIENT_ERROR';
  if (status >= 500 && status < 600) return 'SERVER_ERROR';
  return status >= 100 && status < 200 ? 'INFORMATIONAL' : 'UNKNOWN';
}

/** Micrometer's `exception`: the error's class, `none` without one. */
export function exceptionOf(error: unknown): string {
  if (error === undefined || error === null) return 'none';
  return error instanceof Error ? error.constructor.name || error.name : 'Error';
}
