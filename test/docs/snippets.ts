import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The code blocks of one page that belong to one file. */
export interface Snippet {
  /** The page, relative to the root of the repository. */
  readonly page: string;
  /** The file that the blocks make up, relative to the folder of the page's snippets. */
  readonly file: string;
  /** Each line is where it is in the page, so that a compiler's complaint names the page's line. */
  readonly code: string;
}

const FENCE = /^( *)```(\w*)\s*$/;
/** The first line of a block may say which file it belongs to: `// orders/contracts.ts`. */
const FILE = /^\/\/ ((?:[\w.-]+\/)*[\w.-]+\.ts)$/;

/** The TypeScript of a page. Blocks of the same file continue each other. */
export function snippetsOf(page: string, markdown: string): Snippet[] {
  const files = new Map<string, string[]>();
  let block: { indent: string; lines: string[]; from: number } | undefined;
  markdown.split('\n').forEach((line, index) => {
    const fence = FENCE.exec(line);
    if (block === undefined) {
      if (fence?.[2] === 'ts') block = { indent: fence[1] ?? '', lines: [], from: index + 1 };
      return;
    }
    if (fence === null) {
      block.lines.push(line.slice(block.indent.length));
      return;
    }
    const file = FILE.exec(block.lines[0] ?? '')?.[1] ?? `line-${block.from}.ts`;
    const before = files.get(file) ?? [];
    const padding = Array.from({ length: block.from - before.length }, () => '');
    files.set(file, [...before, ...padding, ...block.lines]);
    block = undefined;
  });
  return [...files].map(([file, lines]) => ({
    page,
    file,
    // A block without imports would be a script, and share its names with all others.
    code: `${lines.join('\n')}\nexport {};\n`,
  }));
}

/** Pages whose code has to compile, and to pass where it is a spec. */
export function pages(root: string): string[] {
  const found = globSync(['README*.md', 'docs/**/*.md', 'libs/*/README.md', 'test/*/README.md'], {
    cwd: root,
    exclude: ['docs/adr/**'],
  });
  return found.map((page) => page.replaceAll('\\', '/')).sort();
}

/** Writes the snippets of all pages below `target`, a folder for each page. */
export function writeSnippets(root: string, target: string): Snippet[] {
  rmSync(target, { recursive: true, force: true });
  const all = pages(root).flatMap((page) =>
    snippetsOf(page, readFileSync(join(root, page), 'utf8')),
  );
  for (const { page, file, code } of all) {
    const path = join(target, page.replace(/\.md$/, ''), file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, code);
  }
  return all;
}
