import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BrokerName, Outcome, SuiteReport } from './report.js';

const TARGET = fileURLToPath(new URL('../../../.rookery/conformance/', import.meta.url));
const TITLES: Record<BrokerName, string> = { embedded: 'embedded', real: 'Apache Kafka' };
const LONGEST = 160;

/** Prints what all clients found, and writes it to `.rookery/conformance/report.{json,md}`. */
export async function printReport(folder: string): Promise<void> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.json')).sort();
  const reports = await Promise.all(
    files.map(
      async (file) => JSON.parse(await readFile(join(folder, file), 'utf8')) as SuiteReport,
    ),
  );
  if (reports.length === 0) return;
  const text = [clientTable(reports), differenceTable(reports)].join('\n\n');
  process.stdout.write(`\n${text}\n\n`);
  await mkdir(TARGET, { recursive: true });
  await writeFile(join(TARGET, 'report.json'), `${JSON.stringify(reports, undefined, 2)}\n`);
  await writeFile(join(TARGET, 'report.md'), `${text}\n`);
}

function clientTable(reports: readonly SuiteReport[]): string {
  const brokers: BrokerName[] = ['embedded', 'real'];
  const rows = reports.flatMap(({ client, version, skipped, outcomes }) =>
    brokers.map((broker) => {
      const reason = skipped[broker];
      if (reason !== undefined)
        return [client, TITLES[broker], clip(`skipped: ${reason}`), '', '', '', ''];
      const own = outcomes.filter((outcome) => outcome.broker === broker);
      const count = (result: Outcome['result']): string =>
        String(own.filter((outcome) => outcome.result === result).length);
      const seconds = own.reduce((sum, { ms }) => sum + (ms ?? 0), 0) / 1_000;
      return [
        version || client,
        TITLES[broker],
        count('passed'),
        count('failed'),
        count('explained'),
        count('not offered'),
        seconds.toFixed(1),
      ];
    }),
  );
  return table(
    ['client', 'broker', 'passed', 'failed', 'explained', 'not offered by the client', 'seconds'],
    rows,
  );
}

function differenceTable(reports: readonly SuiteReport[]): string {
  const byWhatIsSeen = new Map<string, { cells: string[]; clients: string[] }>();
  for (const { client, differences } of reports) {
    for (const { check, real, embedded, explanation } of differences) {
      const cells = [check, clip(real), clip(embedded), explanation ?? 'UNEXPLAINED'];
      const key = JSON.stringify([check, explanation]);
      const known = byWhatIsSeen.get(key);
      if (known) known.clients.push(client);
      else byWhatIsSeen.set(key, { cells, clients: [client] });
    }
  }
  if (byWhatIsSeen.size === 0) return 'No differences between the brokers.';
  return table(
    ['difference in', 'clients', 'Apache Kafka', 'embedded', 'because'],
    [...byWhatIsSeen.values()].map(({ cells: [check, ...rest], clients }) => [
      check!,
      clients.join(', '),
      ...rest,
    ]),
  );
}

function clip(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ');
  return line.length > LONGEST ? `${line.slice(0, LONGEST)}…` : line;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, i) =>
    Math.max(title.length, ...rows.map((row) => row[i]!.length)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}
