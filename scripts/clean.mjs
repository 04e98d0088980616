// Removes what builds leave behind, outputs of deleted sources included. Data under .rookery stays:
// `rookery reset` is the command for that.
import { globSync, rmSync } from 'node:fs';

const outputs = ['{libs,apps}/*/dist', 'node_modules/.cache', '.rookery/build', '.rookery/cache'];
for (const path of globSync([...outputs, '{libs,apps}/*/*.tsbuildinfo'])) {
  rmSync(path, { recursive: true, force: true });
}
