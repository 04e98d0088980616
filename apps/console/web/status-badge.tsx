import { words } from './format.js';

/** Everything that has a status looks like one of these, by shape as well as by colour. */
export type Tone = 'good' | 'busy' | 'warn' | 'back' | 'bad' | 'idle';

const TONES: Readonly<Record<string, Tone>> = {
  UP: 'good',
  DEGRADED: 'warn',
  DOWN: 'bad',
  OUT_OF_SERVICE: 'idle',
  UNKNOWN: 'idle',
  completed: 'good',
  done: 'good',
  running: 'busy',
  compensating: 'back',
  compensated: 'back',
  'in-doubt': 'warn',
  failed: 'bad',
  waiting: 'idle',
  skipped: 'idle',
};

export const toneOf = (status: string): Tone => TONES[status] ?? 'idle';

const SHAPES: Readonly<Record<Tone, string>> = {
  good: 'M8 1a7 7 0 1 1 0 14A7 7 0 0 1 8 1zm3.3 4.2L7 9.5 4.8 7.3 3.6 8.5 7 11.9l5.5-5.5z',
  busy: 'M8 1a7 7 0 1 1 0 14A7 7 0 0 1 8 1zm-.8 3v4.6l3.4 2 .8-1.3-2.6-1.5V4z',
  warn: 'M8 1l7.5 13.5H.5zM7.2 6v4.2h1.6V6zm0 5.3v1.6h1.6v-1.6z',
  back: 'M8 1a7 7 0 1 1 0 14A7 7 0 0 1 8 1zM6.6 3.8L3.4 7l3.2 3.2V7.8h2.2a1.5 1.5 0 0 1 0 3H7v1.6h1.8a3.1 3.1 0 0 0 0-6.2H6.6z',
  bad: 'M4.7 1h6.6L15 4.7v6.6L11.3 15H4.7L1 11.3V4.7zm.9 3.5L4.5 5.6 6.9 8l-2.4 2.4 1.1 1.1L8 9.1l2.4 2.4 1.1-1.1L9.1 8l2.4-2.4-1.1-1.1L8 6.9z',
  idle: 'M8 1a7 7 0 1 1 0 14A7 7 0 0 1 8 1zM4 7v2h8V7z',
};

/** The shape of a status alone; what it means must stand beside it or in its label. */
export function StatusIcon({ status, label }: { status: string; label?: string }) {
  const tone = toneOf(status);
  const hidden = label === undefined;
  return (
    <svg
      class={`icon ${tone}`}
      viewBox="0 0 16 16"
      role={hidden ? undefined : 'img'}
      aria-hidden={hidden}
      aria-label={label}
    >
      <path fill-rule="evenodd" d={SHAPES[tone]} />
    </svg>
  );
}

/** A status with its shape and its name. */
export function StatusBadge({ status }: { status: string }) {
  return (
    <span class={`badge ${toneOf(status)}`}>
      <StatusIcon status={status} />
      {words(status)}
    </span>
  );
}
