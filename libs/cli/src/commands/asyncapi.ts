import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AsyncApiDocument } from '@rookery/messaging/contracts';
import { CommandError } from '../cli.errors.js';
import { workspaceContracts } from '../contracts/workspace-contracts.js';
import { openWorkspace } from '../workspace/rookery-file.js';

/**
 * Prints what services say and hear, as AsyncAPI 3.1: `rookery asyncapi [service]`. Without a service
 * it prints all, by name as JSON, one after the other as YAML.
 *
 * @throws CommandError when there is no such service, or it has no messages
 */
export async function asyncApi(
  service: string | undefined,
  { yaml = false }: { readonly yaml?: boolean },
  say: (text: string) => void,
): Promise<void> {
  const workspace = openWorkspace();
  const { root } = workspace;
  const { contracts, traffic } = await workspaceContracts(workspace);
  const { asyncApiDocument } = await import('@rookery/messaging/contracts');
  const services = [...traffic.keys()].filter((name) => service === undefined || name === service);
  if (services.length === 0) {
    throw new CommandError(
      service === undefined ? 'no app here has messages' : `${service} is no app with messages`,
      `use one of ${[...traffic.keys()].join(', ') || 'those with "kafka": true in rookery.json'}`,
    );
  }
  const documents: Record<string, AsyncApiDocument> = {};
  for (const name of services) {
    const owned = contracts.filter(({ owner }) => owner === name);
    const { handles = [], sends = [] } = traffic.get(name) ?? {};
    documents[name] = asyncApiDocument({
      service: name,
      version: versionOf(join(root, 'apps', name, 'package.json')),
      traffic: { handles, sends },
      owned,
    });
  }
  if (yaml) {
    const { stringify } = await import('yaml');
    const all = Object.values(documents).map((each) =>
      stringify(each, { aliasDuplicateObjects: false }),
    );
    say(all.join('---\n').trimEnd());
  } else {
    say(JSON.stringify(service === undefined ? documents : documents[service], null, 2));
  }
}

function versionOf(manifest: string): string {
  if (!existsSync(manifest)) return '0.0.0';
  const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version?: string };
  return version ?? '0.0.0';
}
