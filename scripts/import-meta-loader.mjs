import { keepImportMeta } from '../libs/cli/runtime/import-meta.js';

/** Bundler loader: `import.meta.url` goes on naming the source file, relative to the bundle. */
export default function importMetaLoader(code) {
  return keepImportMeta(code, this.resourcePath, this.getOptions().folder);
}
