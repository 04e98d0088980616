import { useSignal } from '@preact/signals';
import type { SpanRow, TraceView } from '../src/traces/trace-view.js';
import { count, duration, timeOfDay } from './format.js';
import { useFetched } from './fetched.js';
import { linkTo } from './router.js';
import { StatusIcon } from './status-badge.tsx';

/** One trace as a waterfall. */
export function TracePage({ traceId }: { traceId: string }) {
  const round = useSignal(0);
  const fetched = useFetched<TraceView>(`api/traces/${encodeURIComponent(traceId)}`, round.value);
  return (
    <>
      <p class="crumbs">
        <a href={linkTo('traces')}>Traces</a>
      </p>
      {fetched.state === 'waiting' && <p class="hint">Asking all instances…</p>}
      {fetched.state === 'failed' && <p class="problem">{fetched.problem}</p>}
      {fetched.state === 'here' && <Waterfall trace={fetched.value} />}
      <p>
        <button type="button" onClick={() => round.value++}>
          Refresh
        </button>
      </p>
    </>
  );
}

function Waterfall({ trace }: { trace: TraceView }) {
  const total = Math.max(trace.durationMs, 0.001);
  return (
    <>
      <h1 tabIndex={-1}>{trace.name}</h1>
      <p class="facts">
        <span class="mono">{trace.traceId}</span>
        <span>started {timeOfDay(trace.startedAt)}</span>
        <span>took {duration(trace.durationMs)}</span>
        <span>{count(trace.spans, 'span')}</span>
        <span>{count(trace.services.length, 'service')}</span>
      </p>
      <ul class="legend" aria-label="Services">
        {trace.services.map((service, index) => (
          <li key={service} class={`hue-${index % 8}`}>
            {service}
          </li>
        ))}
      </ul>
      <div class="ruler" aria-hidden="true">
        {[0, 0.25, 0.5, 0.75, 1].map((part) => (
          <span key={part}>{duration(total * part)}</span>
        ))}
      </div>
      <ol class="waterfall">
        {trace.rows.map((row) => (
          <Span
            key={`${row.id}/${row.kind}`}
            row={row}
            total={total}
            hue={trace.services.indexOf(row.service) % 8}
          />
        ))}
      </ol>
    </>
  );
}

function Span({ row, total, hue }: { row: SpanRow; total: number; hue: number }) {
  const left = Math.min(99.5, Math.max(0, (row.startMs / total) * 100));
  const width = Math.max(0.5, Math.min(100 - left, (row.durationMs / total) * 100));
  const tags = Object.entries(row.tags);
  // Beside the bar where there is room, else before it.
  const isLate = left + width > 85;
  return (
    <li>
      <details>
        <summary>
          <span class="label" style={{ paddingLeft: `${Math.min(row.depth, 12) * 0.9}rem` }}>
            {row.error && <StatusIcon status="failed" label="failed" />}
            <b class={`hue-${hue}`}>{row.service}</b> {row.name}
          </span>
          <span class="track">
            <span
              class={`bar hue-${hue} ${row.error ? 'error' : ''}`}
              style={{ left: `${left}%`, width: `${width}%` }}
            />
            <span
              class="time"
              style={
                isLate ? { right: `${100 - left + 0.5}%` } : { left: `${left + width + 0.5}%` }
              }
            >
              {duration(row.durationMs)}
            </span>
          </span>
        </summary>
        <dl class="tags">
          <dt>kind</dt>
          <dd>{row.kind.toLowerCase()}</dd>
          <dt>starts after</dt>
          <dd>{duration(row.startMs)}</dd>
          {tags.map(([name, value]) => (
            <>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </>
          ))}
        </dl>
      </details>
    </li>
  );
}
