import { signal } from '@preact/signals';

/** The path of the page, from the fragment of its address: `#/traces/abc`. */
export const route = signal<readonly string[]>(read());

function read(): readonly string[] {
  return location.hash
    .replace(/^#\/?/, '')
    .split('/')
    .filter((part) => part !== '')
    .map(decode);
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** Address of a path, for links. */
export function linkTo(...parts: readonly string[]): string {
  return `#/${parts.map(encodeURIComponent).join('/')}`;
}

window.addEventListener('hashchange', () => {
  route.value = read();
  // A new page begins at its heading, for eyes and for screen readers alike.
  window.scrollTo(0, 0);
  window.requestAnimationFrame(() => document.querySelector<HTMLElement>('h1')?.focus());
});
