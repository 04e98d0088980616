import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Numbers at the start of a test's name: `K1: ...`, `K3, K4: ...`. */
const TAGS = /(?:it|test|describe)(?:\.\w+)*(?:\([^'"`]*\))?\(\s*['"`]((?:K\d+(?:, )?)+):/g;

function tested(): Set<string> {
  const specs = globSync(['{libs,apps}/*/src/**/*.spec.ts', 'test/**/*spec.ts'], {
    cwd: root,
    exclude: ['**/node_modules/**', '**/.snippets/**'],
  });
  return new Set(
    specs.flatMap((spec) =>
      [...readFileSync(join(root, spec), 'utf8').matchAll(TAGS)].flatMap(([, tags = '']) =>
        tags.split(', '),
      ),
    ),
  );
}

it('each complaint about the Kafka transport has a test that carries its number', () => {
  const page = readFileSync(join(root, 'docs/kafka-complaints.md'), 'utf8');
  const listed = [...page.matchAll(/^\| (K\d+) +\|/gm)].map(([, number = '']) => number);
  expect(listed).toEqual(Array.from({ length: 30 }, (_, index) => `K${index + 1}`));
  const tags = tested();
  expect(listed.filter((number) => !tags.has(number))).toEqual([]);
  expect([...tags].filter((number) => !listed.includes(number))).toEqual([]);
});
