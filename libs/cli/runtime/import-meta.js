import { dirname, relative, sep } from 'node:path';

const META = /\bimport\.meta\.(url|filename|dirname)\b/g;

/**
 * Rewrites `import.meta.url`, `.filename` and `.dirname` of a module that a bundler moves, so that
 * they still name the module's source file. The path is kept relative to the bundle: a checkout may
 * be moved, and no path of the build machine gets into the output.
 *
 * @param {string} code source of the module
 * @param {string} file absolute path of the module
 * @param {string} bundleFolder absolute path of the folder the bundle is written to
 * @returns {string}
 */
export function keepImportMeta(code, file, bundleFolder) {
  const urlOf = (path) => {
    const specifier = relative(bundleFolder, path).split(sep).map(encodeURIComponent).join('/');
    return `new URL(${JSON.stringify(specifier)}, import.meta.url)`;
  };
  const pathOf = (path) => `process.getBuiltinModule('node:url').fileURLToPath(${urlOf(path)})`;
  return code.replace(META, (_, property) =>
    property === 'url'
      ? `${urlOf(file)}.href`
      : pathOf(property === 'filename' ? file : dirname(file)),
  );
}
