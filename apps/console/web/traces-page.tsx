import { useSignal } from '@preact/signals';
import type { TraceSummary } from '../src/traces/trace-view.js';
import { duration, timeOfDay } from './format.js';
import { useFetched } from './fetched.js';
import { linkTo } from './router.js';
import { StatusIcon } from './status-badge.tsx';

/** The newest traces, and a way to one by its id. */
export function TracesPage() {
  const round = useSignal(0);
  const fetched = useFetched<TraceSummary[]>('api/traces', round.value);
  return (
    <>
      <h1 tabIndex={-1}>Traces</h1>
      <form class="search" onSubmit={open}>
        <label>
          Trace id
          <input name="traceId" class="mono" autocomplete="off" spellcheck={false} size={34} />
        </label>
        <button type="submit">Open</button>
        <button type="button" onClick={() => round.value++}>
          Refresh
        </button>
      </form>
      {fetched.state === 'waiting' && <p class="hint">Asking all instances…</p>}
      {fetched.state === 'failed' && <p class="problem">{fetched.problem}</p>}
      {fetched.state === 'here' && <TraceTable traces={fetched.value} />}
    </>
  );
}

function open(event: SubmitEvent): void {
  event.preventDefault();
  const field = new FormData(event.currentTarget as HTMLFormElement).get('traceId');
  const id = typeof field === 'string' ? field.trim().toLowerCase() : '';
  if (id !== '') location.hash = linkTo('traces', id);
}

function TraceTable({ traces }: { traces: readonly TraceSummary[] }) {
  if (traces.length === 0) {
    return <p class="hint">No trace yet. Each request through the gateway leaves one.</p>;
  }
  const longest = Math.max(...traces.map(({ durationMs }) => durationMs));
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Traces">
      <table>
        <thead>
          <tr>
            <th scope="col">Trace</th>
            <th scope="col">Started</th>
            <th scope="col" class="number">
              Took
            </th>
            <th scope="col">
              <span class="sr-only">Took, compared</span>
            </th>
            <th scope="col" class="number">
              Spans
            </th>
            <th scope="col">Services</th>
          </tr>
        </thead>
        <tbody>
          {traces.map((trace) => (
            <tr key={trace.traceId}>
              <th scope="row">
                <StatusIcon
                  status={trace.error ? 'failed' : 'done'}
                  label={trace.error ? 'with an error' : 'without errors'}
                />{' '}
                <a href={linkTo('traces', trace.traceId)}>{trace.name}</a>
              </th>
              <td class="muted">{timeOfDay(trace.startedAt)}</td>
              <td class="number">{duration(trace.durationMs)}</td>
              <td class="meter" aria-hidden="true">
                <span style={{ width: `${Math.max(1, (trace.durationMs / longest) * 100)}%` }} />
              </td>
              <td class="number">{trace.spans}</td>
              <td class="muted">{trace.services.join(', ')}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
