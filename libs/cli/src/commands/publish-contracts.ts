import { CommandError } from '../cli.errors.js';
import { lockFolder } from '../contracts/workspace-contracts.js';
import { openWorkspace } from '../workspace/rookery-file.js';

/**
 * Registers what the lock files hold with a schema registry: `rookery contracts publish`. Only the
 * files are read, so that a deployment needs none of the sources. Credentials are taken from the
 * environment: `SCHEMA_REGISTRY_USER` and `SCHEMA_REGISTRY_PASSWORD`, or `SCHEMA_REGISTRY_TOKEN`.
 *
 * @throws CommandError when no registry is named or there is nothing to publish
 * @throws SchemaRegistryError when the registry refuses
 */
export async function publishContracts(
  { registry, json = false }: { readonly registry?: string; readonly json?: boolean },
  say: (text: string) => void,
): Promise<void> {
  const { SCHEMA_REGISTRY_URL, SCHEMA_REGISTRY_TOKEN } = process.env;
  const { SCHEMA_REGISTRY_USER: user, SCHEMA_REGISTRY_PASSWORD: password } = process.env;
  const url = registry ?? SCHEMA_REGISTRY_URL;
  if (url === undefined || !/^https?:\/\/.+/.test(url)) {
    throw new CommandError(
      url === undefined ? 'no schema registry is named' : `${url} is no address`,
      'give it by --registry or SCHEMA_REGISTRY_URL, as in http://localhost:8081',
    );
  }
  const folder = await lockFolder(openWorkspace().root);
  const locked = folder.contracts();
  if (Object.keys(locked).length === 0) {
    throw new CommandError(`${folder.path} holds no contracts`, 'run rookery contracts lock');
  }
  const tools = await import('@rookery/messaging/contracts');
  const client = new tools.SchemaRegistry({
    url,
    token: SCHEMA_REGISTRY_TOKEN,
    basic: user === undefined ? undefined : { user, password: password ?? '' },
  });
  const published = await tools.publishContracts(client, locked);
  if (json) say(JSON.stringify({ published }));
  else {
    say(published.map(({ subject, version, id }) => `${subject} v${version}  id ${id}`).join('\n'));
    say(`published ${published.length} versions to ${url}`);
  }
}
