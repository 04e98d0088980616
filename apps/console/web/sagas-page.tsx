import { useSignal } from '@preact/signals';
import type { SagaView } from '../src/sagas/saga-view.js';
import { duration, timeOfDay, words } from './format.js';
import { now, problems, sagas, sagasIn } from './live.js';
import { linkTo } from './router.js';
import { StatusBadge, StatusIcon } from './status-badge.tsx';

const STATES = ['running', 'compensating', 'completed', 'compensated', 'failed'] as const;

/** The newest sagas of all services, live. */
export function SagasPage() {
  const filter = useSignal<string | undefined>(undefined);
  const all = sagas.value;
  const shown = all.filter(({ state }) => filter.value === undefined || state === filter.value);
  return (
    <>
      <h1 tabIndex={-1}>Sagas</h1>
      {problems.value.map(({ service, problem }) => (
        <p class="problem" role="status" key={service}>
          {service} cannot be asked: {problem}
        </p>
      ))}
      <div class="filters" role="group" aria-label="Show only">
        {STATES.map((state) => (
          <button
            key={state}
            type="button"
            aria-pressed={filter.value === state}
            onClick={() => (filter.value = filter.value === state ? undefined : state)}
          >
            <StatusIcon status={state} />
            {words(state)} <b>{sagasIn(state)}</b>
          </button>
        ))}
      </div>
      {shown.length === 0 ? (
        <p class="hint">
          {all.length === 0
            ? 'No saga yet. Place an order, or run npm run demo, and it appears here.'
            : 'None of the newest sagas is in this state.'}
        </p>
      ) : (
        <SagaTable sagas={shown} />
      )}
    </>
  );
}

function SagaTable({ sagas: shown }: { sagas: readonly SagaView[] }) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Sagas">
      <table>
        <thead>
          <tr>
            <th scope="col">Saga</th>
            <th scope="col">Status</th>
            <th scope="col">Steps</th>
            <th scope="col">Started</th>
            <th scope="col" class="number">
              Took
            </th>
            <th scope="col">Reason</th>
            <th scope="col">Trace</th>
          </tr>
        </thead>
        <tbody>
          {shown.map((saga) => (
            <SagaRow key={saga.id} saga={saga} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function SagaRow({ saga }: { saga: SagaView }) {
  const took = (saga.endedAt ?? now.value) - saga.startedAt;
  return (
    <tr>
      <th scope="row">
        <a href={linkTo('sagas', saga.service, saga.id)}>
          {saga.saga} <span class="mono">{shorten(saga.key)}</span>
        </a>
      </th>
      <td>
        <StatusBadge status={saga.state} />
      </td>
      <td>
        <span class="steps">
          {saga.steps.map(({ name, status }) => (
            <span title={`${words(name)}: ${words(status)}`} key={name}>
              <StatusIcon status={status} label={`${words(name)}: ${words(status)}`} />
            </span>
          ))}
        </span>
      </td>
      <td class="muted">{timeOfDay(saga.startedAt)}</td>
      <td class="number">{duration(Math.max(0, took))}</td>
      <td class="muted">{saga.message ?? saga.reason ?? ''}</td>
      <td>
        {saga.traceId !== undefined && (
          <a href={linkTo('traces', saga.traceId)} aria-label={`Trace of ${saga.key}`}>
            show
          </a>
        )}
      </td>
    </tr>
  );
}

const shorten = (id: string): string => (id.length > 13 ? `${id.slice(0, 8)}…` : id);
