// Bundles all apps of a workspace in one go. A process of its own: the bundler's memory goes with it.
//   bundle.main <order as JSON>
import { globSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { rolldown, type OutputChunk, type Plugin } from 'rolldown';
import { keepImportMeta } from '../../runtime/import-meta.js';
import { describeInput, MANIFEST, type BuildManifest } from './build-manifest.js';

/** What to bundle. */
export interface BundleOrder {
  readonly root: string;
  readonly folder: string;
  readonly key: string;
  /** Absolute path of the module that starts each app, by the app's name. */
  readonly entries: Readonly<Record<string, string>>;
}

/**
 * What stays a package of its own at run time: native code, and what Nest asks for but can do
 * without.
 */
const EXTERNAL = [
  /^pg-native$/,
  // Loads the file of its checksums, from beside its own.
  /^@platformatic\/kafka$/,
  /^pino-pretty$/,
  /^@nestjs\/(websockets|platform-express|graphql|mapped-types)(\/|$)/,
  /^class-(validator|transformer)(\/|$)/,
];

/** Name of the chunks that hold packages from npm. */
const NPM = 'npm';

/**
 * Left to itself, the bundler may put what apps share into the file that starts one of them; whoever
 * loads it would start that app as well. So what is not an app's own gets files of its own.
 */
const SHARED = [
  { name: NPM, test: /[\\/]node_modules[\\/]/, entriesAware: true, priority: 2 },
  { name: 'libs', test: /[\\/]libs[\\/](?!cli[\\/])/, entriesAware: true, priority: 1 },
];

const order = JSON.parse(process.argv[2] ?? '') as BundleOrder;
const inputs = new Set<string>();

const workspaceModules: Plugin = {
  name: 'rookery-workspace-modules',
  transform(code, id) {
    if (!id.startsWith(order.root) || id.includes(`${sep}node_modules${sep}`)) return null;
    inputs.add(id);
    const kept = keepImportMeta(code, id, order.folder);
    return kept === code ? null : kept;
  },
  generateBundle(_options, files) {
    // Node reads the whole map of each file it loads: those of other people's code are ten times
    // the size of ours, and nobody debugs there.
    for (const file of Object.values(files)) {
      if (file.type !== 'chunk' || !file.name.startsWith(NPM)) continue;
      delete files[`${file.fileName}.map`];
      file.code = file.code.replace(/\n\/\/# sourceMappingURL=.*\s*$/, '\n');
    }
  },
};

try {
  await bundleApps();
} catch (error) {
  process.stderr.write(`${stripVTControlCharacters((error as Error).message)}\n`);
  process.exitCode = 1;
}

async function bundleApps(): Promise<void> {
  const missing = new Set<string>();
  const bundle = await rolldown({
    input: { ...order.entries },
    cwd: order.root,
    platform: 'node',
    external: EXTERNAL,
    resolve: {
      // `import` and `require` are the bundler's to add: a package may have an entry for each.
      conditionNames: ['rookery:source', 'node'],
    },
    transform: {
      target: 'es2023',
      decorator: { legacy: true, emitDecoratorMetadata: true },
    },
    tsconfig: false,
    plugins: [workspaceModules],
    onLog(level, log, handler) {
      // Packages from npm try for what they can do without; what a source of ours imports must be there.
      if (log.code === 'UNRESOLVED_IMPORT' && !log.id?.includes(`${sep}node_modules${sep}`)) {
        const [told = ''] = stripVTControlCharacters(log.message).split('\n');
        missing.add(told.replace(/^\[UNRESOLVED_IMPORT\] /, ''));
      }
      if (level === 'warn') return;
      handler(level, log);
    },
  });
  rmSync(order.folder, { recursive: true, force: true });
  const { output } = await bundle.write({
    dir: order.folder,
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: ({ name }) => (name.startsWith(NPM) ? 'npm-[hash].js' : 'libs-[hash].js'),
    sourcemap: true,
    codeSplitting: { groups: SHARED },
    keepNames: true,
    minify: { compress: false, mangle: false, codegen: { removeWhitespace: true } },
  });
  await bundle.close();
  if (missing.size > 0) {
    const more = missing.size > 1 ? ` and ${missing.size - 1} more` : '';
    throw new Error(`${[...missing][0]}${more}: restore it, or run npm ci for a package`);
  }
  checkEntries(output.filter((file) => file.type === 'chunk'));

  // Another version of a package, or another entry in a manifest's exports, changes the output too.
  for (const file of globSync(['package-lock.json', '{libs,apps}/*/package.json'], {
    cwd: order.root,
  })) {
    inputs.add(join(order.root, file));
  }
  mkdirSync(order.folder, { recursive: true });
  const manifest: BuildManifest = {
    key: order.key,
    inputs: Object.fromEntries(
      [...inputs].map((file) => [relative(order.root, file), describeInput(file)]),
    ),
    outputs: output.map((file) => file.fileName),
  };
  writeFileSync(join(order.folder, MANIFEST), JSON.stringify(manifest));
}

/** Makes sure that no file loads the one that starts an app, except to start that app. */
function checkEntries(chunks: readonly OutputChunk[]): void {
  const starters = new Map(
    chunks.flatMap((chunk) =>
      chunk.moduleIds
        .filter((id) => Object.values(order.entries).includes(id))
        .map((id) => [chunk.fileName, id] as const),
    ),
  );
  for (const chunk of chunks) {
    for (const loaded of [...chunk.imports, ...chunk.dynamicImports]) {
      const started = starters.get(loaded);
      if (started === undefined || chunk.facadeModuleId === started) continue;
      throw new Error(`${chunk.fileName} would start ${started}: please report this`);
    }
  }
}
