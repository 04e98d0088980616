import { render } from 'preact';
import { connection, listen, problems, sagasIn, services } from './live.js';
import { linkTo, route } from './router.js';
import { SagaPage } from './saga-page.tsx';
import { SagasPage } from './sagas-page.tsx';
import { ServicesPage } from './services-page.tsx';
import { ThemeButton } from './theme.tsx';
import { TracePage } from './trace-page.tsx';
import { TracesPage } from './traces-page.tsx';

const PAGES = [
  ['services', 'Services'],
  ['sagas', 'Sagas'],
  ['traces', 'Traces'],
] as const;

const CONNECTION = { connecting: 'connecting', live: 'live', lost: 'reconnecting' } as const;

function App() {
  const [page = 'services', first, second] = route.value;
  return (
    <>
      <a class="skip" href="#main" onClick={skip}>
        Skip to content
      </a>
      <header class="top">
        <a class="brand" href={linkTo()}>
          <svg viewBox="0 0 32 32" aria-hidden="true">
            <path d="M8 6h4v3h2V6h4v3h2V6h4v7l-3 2v6l2 3H9l2-3v-6l-3-2zM7 25h18v3H7z" />
          </svg>
          Rookery
        </a>
        <nav aria-label="Pages">
          {PAGES.map(([name, title]) => (
            <a key={name} href={linkTo(name)} aria-current={page === name ? 'page' : undefined}>
              {title} {badgeOf(name)}
            </a>
          ))}
        </nav>
        <span class={`connection ${connection.value}`} role="status">
          {CONNECTION[connection.value]}
        </span>
        <ThemeButton />
      </header>
      <main id="main" tabIndex={-1}>
        <Page page={page} first={first} second={second} />
      </main>
    </>
  );
}

interface PageProps {
  readonly page: string;
  readonly first: string | undefined;
  readonly second: string | undefined;
}

function Page({ page, first, second }: PageProps) {
  if (page === 'sagas' && first !== undefined && second !== undefined) {
    return <SagaPage service={first} id={second} />;
  }
  if (page === 'sagas') return <SagasPage />;
  if (page === 'traces' && first !== undefined) return <TracePage traceId={first} />;
  if (page === 'traces') return <TracesPage />;
  return <ServicesPage />;
}

/** How many need attention, where that can be counted. */
function badgeOf(name: (typeof PAGES)[number][0]) {
  const number = {
    services: services.value.filter(({ status }) => status !== 'UP').length,
    sagas: sagasIn('failed') + problems.value.length,
    traces: 0,
  }[name];
  if (number === 0) return null;
  return (
    <span class="count">
      {number}
      <span class="sr-only"> need attention</span>
    </span>
  );
}

/** The fragment is the page's path, so a link to a place within it has to be done by hand. */
function skip(event: MouseEvent): void {
  event.preventDefault();
  document.getElementById('main')?.focus();
}

const root = document.getElementById('app');
if (root !== null) render(<App />, root);
listen();
