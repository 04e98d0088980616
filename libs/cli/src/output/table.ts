import pc from 'picocolors';
import { sourceColour } from './pretty-line.js';

/** One process of a run. */
export interface Row {
  readonly name: string;
  readonly port?: number | undefined;
  readonly state: string;
  readonly pid?: number | undefined;
  readonly restarts?: number | undefined;
}

const STATE_PAINT: Readonly<Record<string, (text: string) => string>> = {
  ready: pc.green,
  crashed: pc.red,
  gone: pc.red,
  'not ready': pc.red,
  starting: pc.yellow,
  waiting: pc.dim,
};

/** Names, ports and states, aligned. */
export function table(rows: readonly Row[]): string {
  const name = Math.max(4, ...rows.map((row) => row.name.length));
  const state = Math.max(5, ...rows.map((row) => row.state.length));
  const head = pc.dim(`  ${'name'.padEnd(name)}   port  ${'state'.padEnd(state)}      pid`);
  const lines = rows.map((row) => {
    const paint = STATE_PAINT[row.state] ?? ((text: string) => text);
    const again = row.restarts ? pc.yellow(`  restarted ${row.restarts}x`) : '';
    return `  ${sourceColour(row.name)(row.name.padEnd(name))}  ${cell(row.port, 5)}  ${paint(row.state.padEnd(state))}  ${cell(row.pid, 7)}${again}`;
  });
  return [head, ...lines].join('\n');
}

function cell(value: number | undefined, width: number): string {
  return String(value ?? '-').padStart(width);
}
