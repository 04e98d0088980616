import pc from 'picocolors';

type Paint = (text: string) => string;

const SOURCE_COLOURS: readonly Paint[] = [
  pc.cyan,
  pc.magenta,
  pc.blue,
  pc.green,
  pc.yellow,
  pc.cyanBright,
  pc.magentaBright,
  pc.blueBright,
  pc.greenBright,
];

const LEVEL_PAINT: Readonly<Record<string, Paint>> = {
  trace: pc.dim,
  debug: pc.dim,
  info: pc.green,
  warn: pc.yellow,
  error: pc.red,
  fatal: pc.red,
};

/** What the prefix tells, or the message, or what is of use to a search only. */
const HIDDEN = new Set([
  'time',
  'level',
  'service',
  'instance',
  'version',
  'env',
  'msg',
  'err',
  'error',
  'http',
  'correlationId',
  'spanId',
]);
const SOURCE_WIDTH = 16;
const LONGEST_FIELD = 400;

/** A line for eyes: time, who, level, message, and the fields that say more. */
export function prettyLine(source: string, line: string): string {
  const record = parseRecord(line);
  if (record === undefined) return `${prefix(undefined, source)} ${line}`;
  const { time, level, instance, msg, err, error } = record;
  const name = typeof instance === 'string' ? instance : source;
  const label = typeof level === 'string' ? level : 'info';
  const paint = LEVEL_PAINT[label] ?? pc.white;
  const duration = (record['http'] as { ms?: unknown } | undefined)?.ms;
  const fields = Object.entries(duration === undefined ? record : { ms: duration, ...record })
    .filter(
      ([key, value]) => !HIDDEN.has(key) && key !== 'err' && key !== 'error' && value !== null,
    )
    .map(([key, value]) => `${key}=${show(value)}`)
    .join(' ');
  const head = `${prefix(time, name)} ${paint(label.padEnd(5))} ${typeof msg === 'string' ? msg : ''}`;
  const tail = fields === '' ? '' : ` ${pc.dim(fields)}`;
  return head + tail + failure(err ?? error);
}

/** The JSON object a line is; `undefined` when it is something else. */
export function parseRecord(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

/** The same colour for the same app in every run; instances of an app share it. */
export function sourceColour(name: string): Paint {
  let hash = 0;
  for (const char of name.replace(/-\d+$/, '')) hash = (hash * 31 + char.charCodeAt(0)) >>> 0;
  return SOURCE_COLOURS[hash % SOURCE_COLOURS.length] ?? pc.white;
}

function prefix(time: unknown, name: string): string {
  const at = typeof time === 'string' || typeof time === 'number' ? new Date(time) : new Date();
  const clock = Number.isNaN(at.getTime()) ? '' : `${localTime(at)} `;
  return `${pc.dim(clock)}${sourceColour(name)(name.padEnd(SOURCE_WIDTH))}`;
}

function localTime(at: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const ms = String(at.getMilliseconds()).padStart(3, '0');
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${ms}`;
}

function show(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > LONGEST_FIELD ? `${text.slice(0, LONGEST_FIELD)}...` : text;
}

function failure(error: unknown): string {
  if (typeof error !== 'object' || error === null) return '';
  const { stack, message, type } = error as Record<string, unknown>;
  const text = [stack, message, type].find((part) => typeof part === 'string');
  return typeof text === 'string' ? `\n${pc.red(text.replace(/^/gm, '    '))}` : '';
}
