import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(fileURLToPath(import.meta.url));
const bundled = /^(#app$|\.|\/|[a-zA-Z]:|@(rookery|shop)\/)/;

/**
 * What `nest build` and `nest start` do with a project. An application is bundled from sources,
 * workspace packages included, so that nothing has to be built before it. A library is emitted by
 * `tsc -b`, which builds the libraries it needs first; the Nest CLI's own builder does not.
 */
export default function configure(defaults) {
  const project = dirname(dirname(defaults.entry));
  return existsSync(join(project, 'tsconfig.app.json'))
    ? application(defaults, project)
    : library(project);
}

function application(defaults, project) {
  const folder = join(project, 'dist');
  return {
    ...defaults,
    context: root,
    entry: join(root, 'scripts/app-entry.mjs'),
    output: { ...defaults.output, path: folder, filename: 'main.js', chunkFilename: 'app-[id].js' },
    devtool: 'source-map',
    // What comes from npm, and Node's own modules, are imported at run time.
    externals: ({ request }, callback) =>
      bundled.test(request) ? callback() : callback(null, `module-import ${request}`),
    module: {
      // Left on, these put the build machine's absolute path into the output.
      parser: { javascript: { importMeta: false, url: false } },
      rules: [
        { test: /\.ts$/, loader: 'builtin:swc-loader', options: swc },
        {
          test: /\.ts$/,
          enforce: 'pre',
          loader: join(root, 'scripts/import-meta-loader.mjs'),
          options: { folder },
        },
      ],
    },
    resolve: {
      ...defaults.resolve,
      alias: { '#app': defaults.entry },
      conditionNames: ['rookery:source', 'node', 'import', 'default'],
      plugins: [],
    },
  };
}

const swc = {
  jsc: {
    parser: { syntax: 'typescript', decorators: true },
    transform: { legacyDecorator: true, decoratorMetadata: true, useDefineForClassFields: true },
    target: 'es2023',
    keepClassNames: true,
  },
  sourceMaps: true,
};

function library(project) {
  const compiler = join(root, 'node_modules/ts7/bin/tsc');
  execFileSync(process.execPath, [compiler, '-b', join(project, 'tsconfig.lib.json')], {
    stdio: 'inherit',
  });
  return { entry: {}, mode: 'none' };
}
