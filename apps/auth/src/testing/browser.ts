import type { Fetch } from '@rookery/security';

/** What a browser got. */
export interface Visit {
  readonly url: string;
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

/** As much of a browser as signing in needs: cookies with paths, redirects, forms. */
export class Browser {
  readonly #cookies = new Map<string, { value: string; path: string }>();

  constructor(
    private readonly fetch: Fetch,
    /** Redirects there are not followed: they lead out of the server under test. */
    private readonly stopAt: (url: string) => boolean,
  ) {}

  cookie(name: string): string | undefined {
    return this.#cookies.get(name)?.value;
  }

  get(url: string): Promise<Visit> {
    return this.#go(url, { headers: { accept: 'text/html' } });
  }

  /** Sends the form of a page whose action ends so, with its hidden fields. */
  submit(page: Visit, action: string, fields: Record<string, string> = {}): Promise<Visit> {
    const form = forms(page.body).find((candidate) => candidate.action.endsWith(action));
    if (form === undefined) throw new Error(`no form for ${action} on ${page.url}\n${page.body}`);
    const { origin } = new URL(page.url);
    return this.post(new URL(form.action, page.url).href, { ...form.hidden, ...fields }, origin);
  }

  post(url: string, fields: Record<string, string>, origin?: string): Promise<Visit> {
    return this.#go(url, {
      method: 'POST',
      body: new URLSearchParams(fields).toString(),
      headers: {
        accept: 'text/html',
        'content-type': 'application/x-www-form-urlencoded',
        ...(origin === undefined ? {} : { origin }),
      },
    });
  }

  async #go(start: string, first: RequestInit): Promise<Visit> {
    let url = start;
    let init = first;
    for (let hops = 0; hops < 10; hops++) {
      const response = await this.fetch(url, {
        ...init,
        redirect: 'manual',
        headers: { ...(init.headers as object), cookie: this.#cookieHeader(url) },
      });
      this.#keep(response);
      const location = response.headers.get('location');
      const body = await response.text();
      if (location === null) {
        return { url, status: response.status, headers: response.headers, body };
      }
      url = new URL(location, url).href;
      if (this.stopAt(url)) {
        return { url, status: response.status, headers: response.headers, body };
      }
      init = { headers: { accept: 'text/html' } };
    }
    throw new Error('too many redirects');
  }

  #cookieHeader(url: string): string {
    const { pathname } = new URL(url);
    return [...this.#cookies]
      .filter(([, { path }]) => pathname.startsWith(path))
      .map(([name, { value }]) => `${name}=${value}`)
      .join('; ');
  }

  #keep(response: Response): void {
    for (const line of response.headers.getSetCookie()) {
      const [pair, ...attributes] = line.split('; ');
      const [name, value] = pair!.split('=') as [string, string];
      const path = attributes.find((a) => a.toLowerCase().startsWith('path='))?.slice(5) ?? '/';
      if (value === '') this.#cookies.delete(name);
      else this.#cookies.set(name, { value, path });
    }
  }
}

function forms(body: string): { action: string; hidden: Record<string, string> }[] {
  return [...body.matchAll(/<form [^>]*action="([^"]+)"[^>]*>([\s\S]*?)<\/form>/g)].map(
    ([, action, inner]) => ({
      action: action!,
      hidden: Object.fromEntries(
        [...inner!.matchAll(/type="hidden" name="([^"]+)" value="([^"]*)"/g)].map(
          ([, name, value]) => [name!, value!],
        ),
      ),
    }),
  );
}
