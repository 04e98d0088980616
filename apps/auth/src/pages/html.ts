/** A piece of HTML that is safe to put into another. */
export class Html {
  constructor(readonly text: string) {}

  toString(): string {
    return this.text;
  }
}

/** What can be put into a template. */
export type Piece = Html | string | number | false | undefined | readonly Piece[];

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Template tag: everything put in is escaped, except what is {@link Html} already. */
export function html(parts: TemplateStringsArray, ...values: Piece[]): Html {
  const text = parts.reduce((done, part, i) => done + render(values[i - 1]) + part);
  return new Html(text);
}

function render(value: Piece): string {
  if (value instanceof Html) return value.text;
  if (typeof value === 'object') return value.map(render).join('');
  if (value === undefined || value === false) return '';
  return String(value).replace(/[&<>"']/g, (character) => ESCAPES[character]!);
}
