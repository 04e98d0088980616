import type { SagaDetailsView } from '../src/sagas/saga-view.js';
import { duration, timeOfDay, words } from './format.js';
import { sagas } from './live.js';
import { linkTo } from './router.js';
import { StatusBadge, StatusIcon } from './status-badge.tsx';
import { useFetched } from './fetched.js';

/** One saga: its steps and what happened when. */
export function SagaPage({ service, id }: { service: string; id: string }) {
  const known = sagas.value.find((saga) => saga.id === id);
  const path = `api/sagas/${encodeURIComponent(service)}/${encodeURIComponent(id)}`;
  const fetched = useFetched<SagaDetailsView>(path, known?.updatedAt);
  return (
    <>
      <p class="crumbs">
        <a href={linkTo('sagas')}>Sagas</a>
      </p>
      {fetched.state === 'waiting' && <p class="hint">Asking {service}…</p>}
      {fetched.state === 'failed' && <p class="problem">{fetched.problem}</p>}
      {fetched.state === 'here' && <Details saga={fetched.value} />}
    </>
  );
}

function Details({ saga }: { saga: SagaDetailsView }) {
  const { startedAt, endedAt, traceId, timeline, data } = saga;
  const why = saga.message ?? saga.reason;
  return (
    <>
      <h1 tabIndex={-1}>
        {saga.saga} <span class="mono">{saga.key}</span>
      </h1>
      <p class="facts">
        <StatusBadge status={saga.state} />
        <span>started {timeOfDay(startedAt)}</span>
        {endedAt !== undefined && <span>took {duration(endedAt - startedAt)}</span>}
        {why !== undefined && <span class="problem">{why}</span>}
        {traceId !== undefined && <a href={linkTo('traces', traceId)}>trace</a>}
      </p>
      <h2>Steps</h2>
      <ol class="path">
        {saga.steps.map((step) => (
          <StepLine key={step.name} step={step} />
        ))}
      </ol>
      {timeline.length > 0 && <Timeline entries={timeline} startedAt={startedAt} />}
      {data !== undefined && (
        <details class="raw">
          <summary>What it keeps</summary>
          <pre>{JSON.stringify(data, undefined, 2)}</pre>
        </details>
      )}
    </>
  );
}

function StepLine({ step }: { step: SagaDetailsView['steps'][number] }) {
  const { name, status, pivot, attempts = 0, startedAt, endedAt, reason, compensation } = step;
  const facts = [
    words(status),
    ...(pivot ? ['point of no return'] : []),
    ...(attempts > 1 ? [`${attempts} attempts`] : []),
    ...took('took', startedAt, endedAt),
    ...took('undone in', compensation?.startedAt, compensation?.endedAt),
  ];
  return (
    <li>
      <StatusIcon status={status} />
      <b>{words(name)}</b>
      <span class="muted">{facts.join(', ')}</span>
      {reason !== undefined && <span class="problem">{reason}</span>}
    </li>
  );
}

function Timeline({
  entries,
  startedAt,
}: {
  entries: SagaDetailsView['timeline'];
  startedAt: number;
}) {
  return (
    <>
      <h2>What happened</h2>
      <div class="scroll" tabIndex={0} role="region" aria-label="What happened">
        <table>
          <thead>
            <tr>
              <th scope="col" class="number">
                After
              </th>
              <th scope="col">What</th>
              <th scope="col">Step</th>
              <th scope="col">Reason</th>
            </tr>
          </thead>
          <tbody>
            {entries.map((entry, index) => (
              <tr key={index}>
                <td class="number mono">{duration(Math.max(0, entry.at - startedAt))}</td>
                <td>{words(entry.what)}</td>
                <td>{entry.step === undefined ? '' : words(entry.step)}</td>
                <td class="muted">{entry.reason ?? ''}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

const took = (what: string, from: number | undefined, to: number | undefined): string[] =>
  from === undefined || to === undefined ? [] : [`${what} ${duration(to - from)}`];
