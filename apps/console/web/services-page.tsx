import type { ComponentView, InstanceView, ServiceView } from '../src/fleet/fleet.js';
import { age, count } from './format.js';
import { isEmpty, now, sagasIn, services } from './live.js';
import { linkTo } from './router.js';
import { StatusBadge, StatusIcon, toneOf } from './status-badge.tsx';

/** All services with their instances and how they are. */
export function ServicesPage() {
  const all = services.value;
  const business = all.filter(({ platform }) => !platform);
  const platform = all.filter((service) => service.platform);
  return (
    <>
      <h1 tabIndex={-1}>Services</h1>
      {isEmpty.value ? <p class="hint">Looking at the services…</p> : <Totals services={all} />}
      <Group title="Business" services={business} />
      <Group title="Platform" services={platform} />
    </>
  );
}

function Totals({ services: all }: { services: readonly ServiceView[] }) {
  const up = all.filter(({ status }) => status === 'UP').length;
  const instances = all.flatMap((service) => service.instances);
  const failed = sagasIn('failed');
  const isFine = up === all.length;
  return (
    <dl class="totals">
      <div class={isFine ? 'good' : 'bad'}>
        <dt>Services up</dt>
        <dd>
          <StatusIcon status={isFine ? 'UP' : 'DOWN'} />
          {up} <small>of {all.length}</small>
        </dd>
      </div>
      <div>
        <dt>Instances</dt>
        <dd>{instances.length}</dd>
      </div>
      <div>
        <dt>Sagas under way</dt>
        <dd>{sagasIn('running') + sagasIn('compensating')}</dd>
      </div>
      <div>
        <dt>Completed</dt>
        <dd>{sagasIn('completed')}</dd>
      </div>
      <div>
        <dt>Compensated</dt>
        <dd>{sagasIn('compensated')}</dd>
      </div>
      <div class={failed > 0 ? 'bad' : ''}>
        <dt>Sagas stuck</dt>
        <dd>
          <a href={linkTo('sagas')}>{failed}</a>
        </dd>
      </div>
    </dl>
  );
}

function Group({ title, services: group }: { title: string; services: readonly ServiceView[] }) {
  if (group.length === 0) return null;
  return (
    <section>
      <h2>{title}</h2>
      <ul class="cards">
        {group.map((service) => (
          <ServiceCard key={service.name} service={service} />
        ))}
      </ul>
    </section>
  );
}

function ServiceCard({ service }: { service: ServiceView }) {
  return (
    <li class={`card ${toneOf(service.status)}`}>
      <header>
        <h3>{service.name}</h3>
        <StatusBadge status={service.status} />
      </header>
      {service.instances.length === 0 && <p class="problem">No instance is registered.</p>}
      {service.instances.map((instance) => (
        <Instance key={instance.id} instance={instance} />
      ))}
    </li>
  );
}

function Instance({ instance }: { instance: InstanceView }) {
  const { id, address, status, problem, version, startedAt, components } = instance;
  const uptime = startedAt === undefined ? undefined : now.value - Date.parse(startedAt);
  return (
    <details class="instance">
      <summary>
        <StatusIcon status={status} label={status} />
        <span>
          <span class="name">{id}</span>
          <span class="muted">
            <span class="mono">{address}</span>
            {uptime !== undefined && <span> up {age(Math.max(0, uptime))}</span>}
          </span>
          {problem !== undefined && <span class={`problem ${toneOf(status)}`}>{problem}</span>}
        </span>
      </summary>
      {version !== undefined && <p class="muted">Version {version}</p>}
      <ul class="components">
        {components.map((component) => (
          <Component key={component.name} component={component} />
        ))}
      </ul>
      {components.length === 0 && problem === undefined && (
        <p class="muted">{count(0, 'health component')}</p>
      )}
    </details>
  );
}

function Component({ component: { name, status, details } }: { component: ComponentView }) {
  return (
    <li>
      <StatusIcon status={status} label={status} />
      <span class="name">{name}</span>
      {details !== undefined && <span class="mono">{asFacts(details)}</span>}
    </li>
  );
}

/** `{"a":1,"b":"x"}` as `a 1 · b x`: JSON's marks tell nobody anything here. */
function asFacts(details: unknown): string {
  if (typeof details !== 'object' || details === null) return String(details);
  return Object.entries(details)
    .map(([key, value]) => `${key} ${typeof value === 'object' ? JSON.stringify(value) : value}`)
    .join(' · ');
}
