// What no other tool checks about the workspace's packages. Prints one line per problem.
//   - every import of a package is declared in that package's own dependencies, with an exact
//     version, and one of ours in the references of its tsconfig as well;
//   - what a package leaves to its users (peerDependencies) is installed here, in the version that
//     it was tested with: in the root's devDependencies, or a dependency of the package itself;
//   - nest-cli.json, rookery.json and the root tsconfigs know every project;
//   - package-lock.json says the same as the manifests, holds no address of a registry (a lockfile
//     must work wherever npm does), and every platform package that an optional dependency names.
import { existsSync, globSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(process.argv[2] ?? join(dirname(fileURLToPath(import.meta.url)), '..'));
const problems = [];
const read = (file) => JSON.parse(readFileSync(join(root, file), 'utf8'));

const manifest = read('package.json');
const folders = manifest.workspaces
  .flatMap((pattern) => globSync(pattern, { cwd: root }))
  .filter((folder) => existsSync(join(root, folder, 'package.json')))
  .sort();
const packages = new Map(
  folders.map((folder) => {
    const json = read(join(folder, 'package.json'));
    return [json.name, { folder, json }];
  }),
);

const EXACT = /^\d+\.\d+\.\d+(-[\w.]+)?$/;
const SPECIFIER =
  /(?:^|[\s;}])(?:import|export)\s+(type\s)?[^'";]*?from\s*'([^']+)'|import\s*\(\s*'([^']+)'\s*\)|(?:^|\n)import\s+'([^']+)'/g;
/** What never ships: specs, and what only they import. */
const TEST_FILE = /\.(spec|bench|e2e-spec)\.ts$|(^|\/)testing\//;
/** What some manifest of the workspace pins. */
const pinned = new Set(
  [manifest, ...[...packages.values()].map(({ json }) => json)].flatMap((json) =>
    Object.keys({ ...json.dependencies, ...json.devDependencies }),
  ),
);

for (const { folder, json } of packages.values()) {
  checkVersions(json, join(folder, 'package.json'));
  checkPeers(json, join(folder, 'package.json'));
  checkImports(folder, json);
  checkReferences(folder, json);
}
checkVersions(manifest, 'package.json');
checkProjects();
checkLockfile();

for (const problem of problems) console.error(problem);
if (problems.length > 0) {
  console.error(`${problems.length} problem(s) in the workspace`);
  process.exit(1);
}

function checkVersions(json, file) {
  for (const field of ['dependencies', 'devDependencies', 'optionalDependencies']) {
    for (const [name, range] of Object.entries(json[field] ?? {})) {
      const version = range.replace(/^npm:.+@/, '');
      if (!EXACT.test(version)) problems.push(`${file}: pin ${name} exactly, not ${range}`);
      const ours = packages.get(name);
      if (ours && ours.json.version !== range) {
        problems.push(`${file}: ${name} is ${ours.json.version} here, not ${range}`);
      }
    }
  }
}

function checkPeers(json, file) {
  for (const [name, range] of Object.entries(json.peerDependencies ?? {})) {
    if (!EXACT.test(range)) problems.push(`${file}: pin ${name} exactly, not ${range}`);
    const here = json.dependencies?.[name] ?? manifest.devDependencies?.[name];
    if (here === range) continue;
    problems.push(
      `package.json: ${json.name} leaves ${name} ${range} to its users: add it to devDependencies${here ? `, not ${here}` : ''}`,
    );
  }
  for (const name of Object.keys(json.peerDependenciesMeta ?? {})) {
    if (json.peerDependencies?.[name]) continue;
    problems.push(`${file}: peerDependenciesMeta names ${name}, which is no peer`);
  }
}

function checkImports(folder, json) {
  const declared = { ...json.dependencies, ...json.peerDependencies, ...json.optionalDependencies };
  for (const file of globSync('{src,bin,runtime}/**/*.{ts,js,mjs}', { cwd: join(root, folder) })) {
    if (/(^|\/)(files|fixtures)\//.test(file)) continue;
    const shipped = !TEST_FILE.test(file);
    const code = withoutComments(readFileSync(join(root, folder, file), 'utf8'));
    for (const [, typeOnly, ...found] of code.matchAll(SPECIFIER)) {
      const name = packageOf(found.find(Boolean));
      if (name === undefined || name === json.name || declared[name]) continue;
      // A spec may use whatever the workspace has; a type of a tool leaves nothing at run time.
      if (!shipped && pinned.has(name)) continue;
      if (typeOnly && (pinned.has(name) || pinned.has(`@types/${name}`))) continue;
      problems.push(`${join(folder, file)}: imports ${name}, not in its package's dependencies`);
    }
  }
}

function withoutComments(code) {
  return code.replace(/^\s*\/\*[\s\S]*?\*\//gm, '').replace(/^\s*\/\/.*$/gm, '');
}

function packageOf(specifier) {
  if (/^[./#]/.test(specifier) || isBuiltin(specifier)) return undefined;
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

function checkReferences(folder, json) {
  const config = tsconfigOf(folder);
  if (config === undefined) return;
  const references = new Set(
    (read(config).references ?? []).map(({ path }) => relative(root, join(root, folder, path))),
  );
  for (const name of Object.keys(json.dependencies ?? {})) {
    const needed = packages.has(name) ? tsconfigOf(packages.get(name).folder) : undefined;
    if (needed && !references.delete(needed)) {
      problems.push(`${config}: add a reference to ${needed}, since ${name} is a dependency`);
    }
    references.delete(needed);
  }
  for (const unused of references) {
    problems.push(`${config}: references ${unused}, which is no dependency of ${json.name}`);
  }
}

function tsconfigOf(folder) {
  return ['tsconfig.lib.json', 'tsconfig.app.json']
    .map((name) => join(folder, name))
    .find((file) => existsSync(join(root, file)));
}

function checkProjects() {
  const projects = read('nest-cli.json').projects;
  const apps = existsSync(join(root, 'rookery.json')) ? read('rookery.json').apps : undefined;
  for (const folder of folders) {
    const config = tsconfigOf(folder);
    if (config === undefined) continue;
    if (!Object.values(projects).some((project) => project.root === folder))
      problems.push(`nest-cli.json: no project for ${folder}`);
    if (apps && config.endsWith('tsconfig.app.json') && !apps[basename(folder)]) {
      problems.push(`rookery.json: no app for ${folder}`);
    }
    for (const file of ['tsconfig.json', 'tsconfig.spec.json']) {
      const listed = read(file).references.some(({ path }) => join(path) === config);
      if (!listed) problems.push(`${file}: no reference to ${config}`);
    }
  }
}

function checkLockfile() {
  const locked = read('package-lock.json').packages;
  const compare = (folder, json) => {
    for (const field of ['dependencies', 'devDependencies', 'optionalDependencies']) {
      const inLock = locked[folder]?.[field] ?? {};
      for (const name of new Set([...Object.keys(json[field] ?? {}), ...Object.keys(inLock)])) {
        if (json[field]?.[name] === inLock[name]) continue;
        problems.push(
          `package-lock.json: ${name} of ${folder || 'the root'} is ${inLock[name] ?? 'missing'}, the manifest says ${json[field]?.[name] ?? 'nothing'}: run npm install`,
        );
      }
    }
  };
  compare('', manifest);
  for (const { folder, json } of packages.values()) compare(folder, json);
  for (const [path, entry] of Object.entries(locked)) {
    if (/^https?:/.test(entry.resolved ?? '')) {
      problems.push(
        `package-lock.json: ${path} is tied to the registry ${new URL(entry.resolved).host}`,
      );
    }
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      if (EXACT.test(version) && resolveLocked(locked, path, name) === undefined) {
        problems.push(
          `package-lock.json: ${name}@${version} of ${path || 'the root'} is missing: another platform's npm ci fails`,
        );
      }
    }
  }
}

function resolveLocked(locked, path, name) {
  for (let folder = path; ;) {
    const entry = locked[join(folder, 'node_modules', name)];
    if (entry || folder === '') return entry;
    folder = folder.includes('node_modules')
      ? folder.slice(0, folder.lastIndexOf('node_modules')).replace(/\/$/, '')
      : dirname(folder) === '.'
        ? ''
        : dirname(folder);
  }
}
