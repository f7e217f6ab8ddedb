// @vitest-environment jsdom
import { beforeEach, describe, expect, it } from 'vitest';
import { kXssVectors } from './xss_vectors';
import { MarkdownView } from './view';

let root: HTMLElement;

beforeEach(() => {
  root = document.createElement('div');
  document.body.replaceChildren(root);
});

function show(text: string): HTMLElement {
  new MarkdownView(root).update(text, true);
  return root;
}

const kElements = new Set(
  ('P H3 H4 H5 H6 UL OL LI BLOCKQUOTE PRE CODE HR BR TABLE THEAD TBODY TR TH TD A EM STRONG S SPAN ' +
    'FIGURE FIGCAPTION BUTTON DIV').split(' '),
);
const kAttributes = new Set(
  ('href title start class target rel type tabindex role aria-label data-language').split(' '),
);

// Whatever the text was: only elements and attributes that the page itself makes, links only to
// where links may go, and nothing that loads by itself.
function expectHarmless(element: HTMLElement): void {
  for (const node of element.querySelectorAll('*')) {
    expect(kElements, node.outerHTML).toContain(node.tagName);
    for (const { name, value } of node.attributes) {
      expect(kAttributes, node.outerHTML).toContain(name);
      if (name === 'href') expect(value).toMatch(/^(https?|mailto):/i);
      if (name === 'class') {
        expect(value).toMatch(/^(language-\S+|align-\w+|hljs\S*|code|table|copy-code|\s|\w+_)*$/);
      }
    }
    if (node.tagName === 'A' && node.hasAttribute('href')) {
      expect(node.getAttribute('rel')).toBe('noopener noreferrer nofollow');
      expect(node.getAttribute('target')).toBe('_blank');
    }
  }
}

describe('MarkdownView renders', () => {
  it('text, lists, quotes, links', () => {
    const html = show('# A\n\n**b** *i* ~~s~~ `c`\n\n3. x\n4. y\n\n> q\n\n[l](https://a.example "t")').innerHTML;
    expect(html).toBe(
      '<h3>A</h3><p><strong>b</strong> <em>i</em> <s>s</s> <code>c</code></p>' +
        '<ol start="3">\n<li>x</li>\n<li>y</li>\n</ol>' +
        '<blockquote>\n<p>q</p>\n</blockquote>' +
        '<p><a href="https://a.example" title="t" target="_blank" rel="noopener noreferrer nofollow">l</a></p>',
    );
  });

  it('code in a frame with its language and a button', async () => {
    show('```python\nx = 1 < 2\n```');
    const figure = root.querySelector('figure')!;
    expect(figure.querySelector('figcaption span')?.textContent).toBe('python');
    expect(figure.querySelector('button')?.textContent).toBe('Copy');
    expect(figure.querySelector('code')?.textContent).toBe('x = 1 < 2\n');
    // Colours come with a part that is loaded on first use.
    await expect.poll(() => figure.querySelector('.hljs-number')?.textContent, { timeout: 15_000 }).toBe('1');
    expect(figure.querySelector('code')?.textContent).toBe('x = 1 < 2\n');
    expectHarmless(root);
  });

  it('tables with alignment as classes', () => {
    show('| a | b |\n|:-:|--:|\n| 1 | 2 |');
    expect(root.querySelector('div.table > table td.align-right')?.textContent).toBe('2');
    expect(root.querySelector('[style]')).toBeNull();
  });

  it('a picture as a link that loads nothing', () => {
    show('![a cat](https://a.example/cat.png)');
    expect(root.querySelector('img')).toBeNull();
    expect(root.querySelector('a')?.textContent).toBe('a cat');
  });

  it('file names as text, addresses as links', () => {
    show('see main.py and https://a.example/x');
    expect([...root.querySelectorAll('a')].map((a) => a.textContent)).toEqual(['https://a.example/x']);
  });
});

describe('MarkdownView grows', () => {
  const kText =
    'Intro.\n\n```js\nlet a;\n\nlet b;\n```\n\n- x\n- y\n\n| a |\n|---|\n| 1 |\n\nSee [z].\n\n[z]: https://z.example\n\nEnd';

  it('to the same page as in one piece, at every step size', () => {
    const whole = show(kText).innerHTML;
    for (let step = 1; step < kText.length; step += 3) {
      root.replaceChildren();
      const view = new MarkdownView(root);
      for (let end = step; end < kText.length; end += step) view.update(kText.slice(0, end), false);
      view.update(kText, true);
      expect(root.innerHTML, `step ${step}`).toBe(whole);
    }
  });

  it('and leaves closed blocks and the frame of growing code alone', () => {
    const view = new MarkdownView(root);
    view.update('First.\n\n```js\nlet', false);
    view.update('First.\n\n```js\nlet a;\n', false);
    const paragraph = root.querySelector('p');
    const button = root.querySelector('button');
    view.update('First.\n\n```js\nlet a;\nlet b;\n', false);
    expect(root.querySelector('p')).toBe(paragraph);
    expect(root.querySelector('button')).toBe(button);
    expect(root.querySelector('code')?.textContent).toContain('let b;');
  });

  it('and starts over with another text', () => {
    const view = new MarkdownView(root);
    view.update('One.\n\nTwo.\n\nThree', false);
    view.update('Other', true);
    expect(root.innerHTML).toBe('<p>Other</p>');
  });
});

describe('MarkdownView lets nothing hostile through', () => {
  it.each(kXssVectors.map((vector, i) => [i, vector] as const))('vector %i', (_i, vector) => {
    const fence = '`'.repeat(3);
    const contexts = [`a ${vector} b`, `- ${vector}`, `| ${vector} |\n|---|\n| ${vector} |`];
    expectHarmless(show(vector));
    root.replaceChildren();
    expectHarmless(show([...contexts, `${fence}${vector}\n${vector}\n${fence}`].join('\n\n')));
  });

  it('while it streams', () => {
    const text = kXssVectors.filter((vector) => vector.length < 300).join('\n\n');
    const view = new MarkdownView(root);
    for (let end = 1; end <= text.length; end += 41) {
      view.update(text.slice(0, end), false);
      expectHarmless(root);
    }
  });
});
