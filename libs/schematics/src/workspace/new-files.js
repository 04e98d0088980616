import {
  apply,
  applyTemplates,
  forEach,
  mergeWith,
  move,
  SchematicsException,
  url,
} from '@angular-devkit/schematics';

/**
 * Writes the files of a template folder. A file that exists stays as it is: running a generator
 * again adds what is missing and overwrites nothing.
 *
 * @param {string} source template folder, relative to the factory
 * @param {string} target folder in the workspace
 * @param {object} values what the templates may use
 * @returns {import('@angular-devkit/schematics').Rule}
 */
export function newFiles(source, target, values) {
  return (tree) =>
    mergeWith(
      apply(url(source), [
        applyTemplates(values),
        move(target),
        forEach((entry) => (tree.exists(entry.path) ? null : entry)),
      ]),
    );
}

const NAME = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;
const LONGEST = 40;

/**
 * The name as it may stand in folders, topics, routes and databases.
 *
 * @param {string} name
 * @param {readonly string[]} reserved
 */
export function checkName(name, reserved) {
  if (!NAME.test(name) || name.length < 2 || name.length > LONGEST) {
    throw new SchematicsException(
      `'${name}' is not a name: use 2 to ${LONGEST} lower case letters and digits, with dashes between words`,
    );
  }
  if (reserved.includes(name)) {
    throw new SchematicsException(`'${name}' is taken by the platform: use another name`);
  }
  return name;
}
