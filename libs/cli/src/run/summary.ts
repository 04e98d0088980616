import { DEMO_CLIENT, DEMO_USER, allScopes } from '../secrets/auth-seed.js';
import { fetchToken } from './demo-token.js';
import type { PreparedRun, RunContext } from './prepared-run.js';

/** What a developer wants to have at hand once all is ready: links, a request, credentials. */
export async function summaryLinks(
  { workspace, output }: RunContext,
  prepared: PreparedRun,
): Promise<Record<string, string>> {
  const address = (app: string | undefined): string | undefined => {
    const instance = prepared.instances.find((one) => one.app === app);
    return instance && `http://127.0.0.1:${instance.port}`;
  };
  const { file } = workspace;
  const links: Record<string, string> = {};
  const page = address(file.page);
  if (page !== undefined) links['console'] = page;
  const gateway = address(file.try?.app);
  if (gateway !== undefined) links['gateway'] = gateway;
  const issuer = address('auth');
  if (issuer === undefined) return links;
  const clientSecret = prepared.secrets.get(`client:${DEMO_CLIENT}`);
  try {
    const scopes = allScopes(file);
    const token = await fetchToken({ issuer, clientId: DEMO_CLIENT, clientSecret, scopes });
    if (gateway !== undefined) {
      links['try'] = `curl -H 'authorization: Bearer ${token}' ${gateway}${file.try?.path}`;
    }
  } catch (error) {
    output.event('warn', `no token for the example request: ${(error as Error).message}`);
  }
  links['client'] = `${DEMO_CLIENT} / ${clientSecret}`;
  links['user'] = `${DEMO_USER} / ${prepared.secrets.get(`user:${DEMO_USER}`)}`;
  return links;
}
