import { SchematicsException } from '@angular-devkit/schematics';
import { readJson } from './json-file.js';

/**
 * What the generators need to know of a workspace.
 *
 * @param {import('@angular-devkit/schematics').Tree} tree
 */
export function readWorkspace(tree) {
  if (!tree.exists('rookery.json')) {
    throw new SchematicsException('no rookery.json here: run this in the root of a workspace');
  }
  const {
    scope = '@rookery',
    contracts = 'libs/contracts',
    apps = {},
  } = readJson(tree, 'rookery.json');
  return {
    scope,
    apps,
    contracts: { folder: contracts, name: readJson(tree, `${contracts}/package.json`).name },
  };
}

/**
 * The version that the workspace uses of a package, its own or another's.
 *
 * @param {import('@angular-devkit/schematics').Tree} tree
 * @returns {(name: string) => string}
 */
export function versionsOf(tree) {
  const known = new Map();
  for (const parent of ['libs', 'apps']) {
    for (const folder of tree.getDir(parent).subdirs) {
      const path = `${parent}/${folder}/package.json`;
      if (!tree.exists(path)) continue;
      const { name, version, dependencies = {} } = readJson(tree, path);
      known.set(name, version);
      for (const [dependency, used] of Object.entries(dependencies)) {
        if (!known.has(dependency)) known.set(dependency, used);
      }
    }
  }
  return (name) => {
    if (known.has(name)) return known.get(name);
    throw new SchematicsException(`no package of the workspace uses ${name}: install it first`);
  };
}
