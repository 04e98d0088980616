import { SchematicsException } from '@angular-devkit/schematics';
import { applyEdits, modify, parse } from 'jsonc-parser';

/**
 * Reads a JSON file of the workspace; comments are allowed.
 *
 * @param {import('@angular-devkit/schematics').Tree} tree
 * @param {string} path
 */
export function readJson(tree, path) {
  const errors = [];
  const value = parse(tree.readText(path), errors, { allowTrailingComma: true });
  if (errors.length > 0) throw new SchematicsException(`${path} is not JSON: mend it first`);
  return value;
}

/**
 * Sets a value of a JSON file and leaves the rest of the text as it is.
 *
 * @param {import('@angular-devkit/schematics').Tree} tree
 * @param {string} path
 * @param {(string | number)[]} at path of keys to the value
 * @param {unknown} value
 */
export function setJson(tree, path, at, value) {
  const text = tree.readText(path);
  const edits = modify(text, at, value, {
    formattingOptions: { insertSpaces: true, tabSize: 2 },
    isArrayInsertion: typeof at.at(-1) === 'number',
  });
  tree.overwrite(path, applyEdits(text, edits));
}
