import { html, Html } from './html.js';
import { page } from './page.js';

/** What a form of an interaction needs. */
interface InteractionForm {
  readonly uid: string;
  readonly xsrf: string;
  readonly clientName: string;
}

/** The page that asks for name and password. */
export function loginPage(form: InteractionForm & { username?: string; problem?: string }): string {
  return page(
    'Sign in',
    html`
      <p>to continue to ${form.clientName}</p>
      ${form.problem === undefined ? '' : html`<p role="alert">${form.problem}</p>`}
      <form method="post" action="/interaction/${form.uid}/login">
        ${hidden('xsrf', form.xsrf)}
        <label>
          User name
          <input
            type="text"
            name="username"
            value="${form.username ?? ''}"
            required
            maxlength="128"
            autocomplete="username"
            autocapitalize="none"
            autofocus
          />
        </label>
        <label>
          Password
          <input
            type="password"
            name="password"
            required
            maxlength="256"
            autocomplete="current-password"
          />
        </label>
        <button type="submit">Sign in</button>
      </form>
      ${cancelForm(form)}
    `,
  );
}

/** The page that asks whether the application may have what it asks for. */
export function consentPage(form: InteractionForm & { scopes: readonly string[] }): string {
  return page(
    `Allow ${form.clientName}?`,
    html`
      <p>${form.clientName} asks for:</p>
      <ul>
        ${form.scopes.map((scope) => html`<li><code>${scope}</code></li>`)}
      </ul>
      <form method="post" action="/interaction/${form.uid}/consent">
        ${hidden('xsrf', form.xsrf)}
        <button type="submit" autofocus>Allow</button>
      </form>
      ${cancelForm(form)}
    `,
  );
}

/** The page that says what went wrong. */
export function errorPage(title: string, detail: string, code: string): string {
  return page(
    title,
    html`<p role="alert">${detail}</p>
      <p><code>${code}</code></p>`,
  );
}

/** The page that asks whether to sign out. */
export function logoutPage(action: string, xsrf: string): string {
  return page(
    'Sign out?',
    html`
      <form method="post" action="${action}">
        ${hidden('xsrf', xsrf)}
        <button type="submit" name="logout" value="yes" autofocus>Sign out</button>
        <button type="submit">Stay signed in</button>
      </form>
    `,
  );
}

/** The page after signing out. */
export function signedOutPage(): string {
  return page('Signed out', html`<p>You can close this page.</p>`);
}

function cancelForm({ uid, xsrf }: InteractionForm): Html {
  return html`
    <form method="post" action="/interaction/${uid}/abort">
      ${hidden('xsrf', xsrf)}
      <button type="submit">Cancel</button>
    </form>
  `;
}

function hidden(name: string, value: string): Html {
  return html`<input type="hidden" name="${name}" value="${value}" />`;
}
