// @vitest-environment jsdom
import { describe, expect, it } from 'vitest';
import { sanitize } from './sanitize';
import { kXssVectors } from './xss_vectors';

function clean(html: string): string {
  const holder = document.createElement('div');
  holder.append(sanitize(html));
  return holder.innerHTML;
}

// The gate on its own: as if Markdown's own escaping had failed.
describe('sanitize', () => {
  it.each(kXssVectors.map((vector, i) => [i, vector] as const))('vector %i as HTML', (_i, vector) => {
    const holder = document.createElement('div');
    holder.append(sanitize(vector));
    for (const node of holder.querySelectorAll('*')) {
      for (const { name, value } of node.attributes) {
        expect(['href', 'title', 'start', 'class', 'target', 'rel']).toContain(name);
        if (name === 'href') expect(value).toMatch(/^(https?|mailto):/i);
      }
      expect(node.tagName).not.toMatch(/^(SCRIPT|IMG|IFRAME|OBJECT|EMBED|FORM|INPUT|STYLE|LINK|META|BASE|SVG|MATH)$/i);
    }
  });

  it('keeps only the classes that rendering makes', () => {
    expect(clean('<code class="language-js sr-only app">x</code>')).toBe('<code class="language-js">x</code>');
    expect(clean('<span class="toast">x</span>')).toBe('<span>x</span>');
    expect(clean('<span class="hljs-title function_">x</span>')).toBe(
      '<span class="hljs-title function_">x</span>',
    );
  });

  it('drops ids, names, styles and data', () => {
    expect(clean('<p id="app" name="x" style="color:red" data-a="1" aria-label="y">t</p>')).toBe('<p>t</p>');
  });
});
