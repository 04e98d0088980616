// Builds the page: web/ -> dist/web/. `node build.mjs`, or buildWeb() from a program.
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));

/**
 * Bundles the page into `apps/console/dist/web`. The old page is replaced at the end, in one go, so
 * that a server never serves half of one.
 *
 * @returns {Promise<{ files: Record<string, number> }>} names and sizes in bytes
 */
export async function buildWeb() {
  // Not needed to serve a page that is built already.
  const { rolldown } = await import('rolldown');
  const bundle = await rolldown({
    input: join(here, 'web/main.tsx'),
    platform: 'browser',
    tsconfig: false,
    transform: {
      target: 'es2022',
      jsx: { runtime: 'automatic', importSource: 'preact' },
      define: { 'process.env.NODE_ENV': '"production"' },
    },
  });
  const { output } = await bundle.generate({ format: 'esm', minify: true });
  await bundle.close();
  const [{ code }] = output;
  const style = minifyCss(await readFile(join(here, 'web/style.css'), 'utf8'));
  const icon = await readFile(join(here, 'web/rook.svg'), 'utf8');
  const template = await readFile(join(here, 'web/index.html'), 'utf8');

  const files = new Map();
  const named = (base, extension, content) => {
    const hash = createHash('sha256').update(content).digest('hex').slice(0, 10);
    const name = `${base}-${hash}.${extension}`;
    files.set(name, content);
    return `assets/${name}`;
  };
  const page = template
    .replace('{{script}}', named('console', 'js', code))
    .replace('{{style}}', named('console', 'css', style))
    .replace('{{icon}}', named('rook', 'svg', icon));
  files.set('index.html', page);

  const target = join(here, 'dist/web');
  const fresh = join(here, `dist/.web-${process.pid}-${Date.now()}`);
  await mkdir(fresh, { recursive: true });
  for (const [name, content] of files) await writeFile(join(fresh, name), content);
  await rm(target, { recursive: true, force: true });
  await rename(fresh, target);
  return {
    files: Object.fromEntries([...files].map(([name, text]) => [name, Buffer.byteLength(text)])),
  };
}

/** Comments and indentation are most of what can go; the rest is left as it is written. */
function minifyCss(css) {
  return css
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/\s*\n\s*/g, '\n')
    .trim();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { files } = await buildWeb();
  for (const [name, size] of Object.entries(files)) {
    process.stdout.write(`${name} ${(size / 1024).toFixed(1)} KiB\n`);
  }
}
