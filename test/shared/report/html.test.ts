import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { html, trusted } from '../../../shared/report/html.ts';
import { page } from '../../../shared/report/page.ts';
import { nestingProblems, reachingOut } from '../../support/markup.ts';

describe('markup', () => {
  it('escapes what is put in, in text and in attributes', () => {
    const hostile = `"><script>alert('x')</script>&`;
    expect(html`<p title="${hostile}">${hostile}</p>`.markup).toBe(
      '<p title="&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;">&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;</p>',
    );
  });

  it('takes markup, lists of it, numbers and nothing as they are', () => {
    expect(html`${html`<b>1</b>`}${[html`<i>2</i>`, trusted('<u>3</u>')]}${4}${null}`.markup).toBe(
      '<b>1</b><i>2</i><u>3</u>4',
    );
  });

  it('never lets a text open a tag or end an attribute', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('<', '>', '"', "'", '&', 'a', ' ', '/') }), (text) => {
        expect(nestingProblems(html`<p title="${text}">${text}</p>`.markup)).toEqual([]);
        expect(html`${text}`.markup).not.toMatch(/[<>"']/);
      }),
      { numRuns: 200 },
    );
  });
});

describe('a page', () => {
  it('is one file that runs and fetches nothing', () => {
    const text = page({ title: '<A & B>', body: html`<p>Hello</p>` });
    expect(text).toContain('<title>&lt;A &amp; B&gt;</title>');
    expect(text).toContain(`default-src &#39;none&#39;`);
    expect(nestingProblems(text)).toEqual([]);
    expect(reachingOut(text)).toEqual([]);
  });
});
