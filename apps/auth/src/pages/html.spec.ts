import { describe, expect, it } from 'vitest';
import { html } from './html.js';

describe('html', () => {
  it('escapes everything put in, in text and attributes', () => {
    const evil = `"><script>alert('x')</script>&`;
    expect(html`<a title="${evil}">${evil}</a>`.text).toBe(
      '<a title="&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;">' +
        '&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;</a>',
    );
  });

  it('takes pieces and lists of pieces as they are, and leaves out what is not there', () => {
    const items = ['a', '<b>'].map((name) => html`<li>${name}</li>`);
    const list = html`<ul>
        ${items}
      </ul>
      ${undefined}${false}${0}`.text.replace(/\s/g, '');
    expect(list).toBe('<ul><li>a</li><li>&lt;b&gt;</li></ul>0');
  });
});
