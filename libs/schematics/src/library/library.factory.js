import { chain, strings } from '@angular-devkit/schematics';
import { NodePackageInstallTask } from '@angular-devkit/schematics/tasks/index.js';
import { formatChanged } from '../workspace/format-changed.js';
import { checkName, newFiles } from '../workspace/new-files.js';
import { readWorkspace } from '../workspace/read-workspace.js';
import { registerProject } from '../workspace/register-project.js';

/**
 * `nest g library NAME`: a package of the workspace, which others import by its name.
 *
 * @param {{ name: string }} options
 * @returns {import('@angular-devkit/schematics').Rule}
 */
export function library(options) {
  return (tree, context) => {
    const name = checkName(strings.dasherize(options.name), ['schematics']);
    const { scope } = readWorkspace(tree);
    const folder = `libs/${name}`;
    const fresh = !tree.exists(`${folder}/package.json`);
    // Others find it by its name only once npm has linked it; everything else is locked already.
    if (fresh) {
      context.addTask(
        new NodePackageInstallTask({ packageManager: 'npm', allowScripts: false, quiet: true }),
      );
    }
    return chain([
      newFiles('./files', folder, { ...strings, name, scope, Name: strings.classify(name) }),
      registerProject({ folder, name, type: 'library' }),
      formatChanged(),
    ]);
  };
}
