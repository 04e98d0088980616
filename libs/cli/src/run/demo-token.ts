import { request } from 'node:http';

/** Who asks for a token, and where. */
export interface TokenRequest {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly scopes: readonly string[];
}

const TIMEOUT_MS = 10_000;

/** An access token by client credentials. Rejects when the server does not give one. */
export async function fetchToken(of: TokenRequest): Promise<string> {
  const metadata = await call(`${of.issuer}/.well-known/openid-configuration`);
  const body = new URLSearchParams({
    grant_type: 'client_credentials',
    scope: of.scopes.join(' '),
  }).toString();
  const credentials = [of.clientId, of.clientSecret].map(encodeURIComponent).join(':');
  const answer = await call(String(metadata['token_endpoint']), body, {
    authorization: `Basic ${Buffer.from(credentials).toString('base64')}`,
    'content-type': 'application/x-www-form-urlencoded',
  });
  const token = answer['access_token'];
  if (typeof token === 'string') return token;
  throw new Error(
    `${of.issuer} gave no token: ${JSON.stringify(answer['error'] ?? 'no access_token')}`,
  );
}

/** By `node:http`: `fetch` would load a whole client into a process that makes two calls. */
function call(
  url: string,
  body?: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    const method = body === undefined ? 'GET' : 'POST';
    const sent = request(
      url,
      { method, headers, agent: false, timeout: TIMEOUT_MS },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk));
        response.on('end', () => {
          try {
            resolve(JSON.parse(text) as Record<string, unknown>);
          } catch {
            reject(new Error(`${url} answered ${response.statusCode} without JSON`));
          }
        });
      },
    );
    sent.on('timeout', () => sent.destroy(new Error(`${url} does not answer`)));
    sent.on('error', reject);
    sent.end(body);
  });
}
