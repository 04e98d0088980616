import { readJson, setJson } from './json-file.js';

/**
 * Makes the tools of the workspace know a project: type checker, specs, Nest CLI and lockfile.
 *
 * @param {{ folder: string, name: string, type: 'application' | 'library' }} project
 * @returns {import('@angular-devkit/schematics').Rule}
 */
export function registerProject({ folder, name, type }) {
  const tsconfig = `${folder}/tsconfig.${type === 'application' ? 'app' : 'lib'}.json`;
  return (tree) => {
    for (const file of ['tsconfig.json', 'tsconfig.spec.json']) addReference(tree, file, tsconfig);
    addToNestCli(tree, { folder, name, type, tsconfig });
    addToLockfile(tree, folder);
  };
}

function addReference(tree, file, tsconfig) {
  const { references = [] } = readJson(tree, file);
  const path = `./${tsconfig}`;
  if (references.some((reference) => reference.path === path)) return;
  // Before the specs, which the root lists last.
  const last = references.at(-1)?.path ?? '';
  const at = last.endsWith('tsconfig.spec.json') ? references.length - 1 : references.length;
  setJson(tree, file, ['references', at], { path });
}

function addToNestCli(tree, { folder, name, type, tsconfig }) {
  const { projects = {} } = readJson(tree, 'nest-cli.json');
  if (Object.values(projects).some(({ root }) => root === folder)) return;
  // An app and a library may share a name; the Nest CLI knows projects by name only.
  const key = name in projects ? `${name}-${type === 'application' ? 'app' : 'lib'}` : name;
  setJson(tree, 'nest-cli.json', ['projects', key], {
    type,
    root: folder,
    entryFile: type === 'application' ? 'main' : 'index',
    sourceRoot: `${folder}/src`,
    compilerOptions: { tsConfigPath: tsconfig },
  });
}

/**
 * `npm ci` refuses a lockfile that does not know a workspace. What the package needs is locked
 * already, so its entry is all that is missing.
 */
function addToLockfile(tree, folder) {
  if (!tree.exists('package-lock.json')) return;
  const lock = readJson(tree, 'package-lock.json');
  if (lock.packages[folder] !== undefined) return;
  const { name, version, license, dependencies, engines } = readJson(
    tree,
    `${folder}/package.json`,
  );
  lock.packages[folder] = { name, version, license, dependencies, engines };
  lock.packages[`node_modules/${name}`] = { resolved: folder, link: true };
  const [root, ...rest] = Object.entries(lock.packages);
  rest.sort(([a], [b]) => a.localeCompare(b, 'en'));
  lock.packages = Object.fromEntries([root, ...rest]);
  tree.overwrite('package-lock.json', `${JSON.stringify(lock, undefined, 2)}\n`);
}
