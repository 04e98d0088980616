import { expect, it } from 'vitest';
import { LineSplitter } from './line-splitter.js';

function split(...chunks: readonly (string | Buffer)[]): string[] {
  const lines: string[] = [];
  const splitter = new LineSplitter((line) => lines.push(line));
  for (const chunk of chunks) splitter.write(Buffer.from(chunk as string));
  splitter.end();
  return lines;
}

it('joins what arrives in pieces, characters of several bytes included', () => {
  const bytes = Buffer.from('één\r\n\ntwee');
  const pieces = Array.from(bytes, (byte) => Buffer.from([byte]));
  expect(split(...pieces)).toEqual(['één', 'twee']);
});

it('cuts a line that does not end instead of keeping all of it', () => {
  const lines = split('x'.repeat(200_000), 'y\n');
  expect(lines.length).toBeGreaterThan(1);
  expect(lines.join('')).toBe(`${'x'.repeat(200_000)}y`);
});
