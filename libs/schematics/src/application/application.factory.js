import { chain, strings } from '@angular-devkit/schematics';
import { RunSchematicTask } from '@angular-devkit/schematics/tasks/index.js';
import { parseDocument } from 'yaml';
import { formatChanged } from '../workspace/format-changed.js';
import { readJson, setJson } from '../workspace/json-file.js';
import { checkName, newFiles } from '../workspace/new-files.js';
import { readWorkspace, versionsOf } from '../workspace/read-workspace.js';
import { registerProject } from '../workspace/register-project.js';

const RESERVED = ['kafka', 'postgres', 'platform', 'host', 'manage', 'rookery'];
const FIRST_PORT = 8081;
const GATEWAY_CONFIG = 'config/api-gateway.yml';

/** Apps that every service needs, where the workspace has them. */
const PLATFORM = ['config-server', 'discovery', 'auth'];

const DEPENDENCIES = [
  '@nestjs/common',
  '@nestjs/core',
  '@rookery/core',
  '@rookery/messaging',
  '@rookery/persistence',
  '@rookery/platform',
  '@rookery/security',
  'kysely',
  'reflect-metadata',
  'zod',
];

/**
 * `nest g app NAME`: a bounded context that works at once. It has a stored resource, an event
 * contract with a handler, migrations, specs, configuration and a route through the gateway.
 *
 * @param {{ name: string }} options
 * @returns {import('@angular-devkit/schematics').Rule}
 */
export function application(options) {
  return (tree) => {
    const name = checkName(strings.dasherize(options.name), RESERVED);
    const { contracts, apps } = readWorkspace(tree);
    const version = versionsOf(tree);
    const values = {
      ...strings,
      name,
      Name: strings.classify(name),
      title: strings.capitalize(name.replaceAll('-', ' ')),
      contracts: contracts.name,
      contractsFolder: contracts.folder,
      version,
      dependencies: [...DEPENDENCIES, contracts.name].sort(),
    };
    const folder = `apps/${name}`;
    return chain([
      newFiles('./files/app', folder, values),
      newFiles('./files/contract', `${contracts.folder}/src/${name}`, values),
      newFiles('./files/config', 'config', values),
      exportContract(contracts.folder, values),
      addToRookery(name, apps),
      addRoute(name),
      registerProject({ folder, name, type: 'application' }),
      formatChanged(),
      lockContracts(),
    ]);
  };
}

/** A task, because it needs the files, which are written when all rules have run. */
function lockContracts() {
  return (tree, context) => {
    if (tree.actions.length > 0) context.addTask(new RunSchematicTask('lock-contracts', {}));
  };
}

function exportContract(folder, { name, Name }) {
  return (tree) => {
    const index = `${folder}/src/index.ts`;
    const line = `export { ${Name}ItemAdded } from './${name}/${name}-item-added.event.js';`;
    const text = tree.readText(index);
    if (!text.includes(line)) tree.overwrite(index, `${text.trimEnd()}\n${line}\n`);
  };
}

function addToRookery(name, apps) {
  return (tree) => {
    if (readJson(tree, 'rookery.json').apps[name] !== undefined) return;
    const taken = new Set(Object.values(apps).map(({ port }) => port));
    let port = FIRST_PORT;
    while (taken.has(port)) port += 1;
    setJson(tree, 'rookery.json', ['apps', name], {
      port,
      dependsOn: PLATFORM.filter((app) => app in apps),
      database: true,
      kafka: true,
      scopes: [`${name}:read`, `${name}:write`],
    });
  };
}

/** Adds the route to the gateway's configuration; comments there stay. */
function addRoute(name) {
  return (tree) => {
    if (!tree.exists(GATEWAY_CONFIG)) return;
    const document = parseDocument(tree.readText(GATEWAY_CONFIG));
    const routes = document.getIn(['gateway', 'routes']);
    const known = routes?.items?.some((route) => route.get('id') === name) ?? false;
    if (known) return;
    const route = document.createNode({
      id: name,
      uri: `lb://${name}`,
      predicates: [`Path=/${name}/**`],
    });
    route.get('predicates').flow = true;
    if (routes === undefined) document.setIn(['gateway', 'routes'], document.createNode([]));
    document.getIn(['gateway', 'routes']).add(route);
    tree.overwrite(GATEWAY_CONFIG, document.toString({ lineWidth: 0 }));
  };
}
