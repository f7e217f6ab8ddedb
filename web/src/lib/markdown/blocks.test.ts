import { describe, expect, it } from 'vitest';
import { BlockStream } from './blocks';
import { createParser } from './parser';

const md = createParser();

// What a reader would see at the end: every chunk rendered on its own.
function streamed(text: string, cuts: number[]): { html: string; settled: string[] } {
  const env = {};
  const stream = new BlockStream(md, env);
  const settled: string[] = [];
  for (const cut of cuts) settled.push(...stream.push(text.slice(0, cut)).settled);
  const last = stream.push(text);
  settled.push(...last.settled);
  expect(settled.join('') + last.open).toBe(text);
  return { html: [...settled, last.open].map((block) => md.render(block, env)).join(''), settled };
}

const kDocuments: Record<string, string> = {
  paragraphs: 'One\ntwo.\n\nThree.\n\n\nFour',
  headings: '# A\ntext\n## B\n\nSetext\n===\nmore\n---\nlast\n#\nend',
  'hash that is no heading': 'para\n#tag goes on\n\nnext',
  lists: '- a\n- b\n\n  still b\n- c\n\n1. x\n2. y\n   - z\n\n     deep\n\nafter\n* other\n+ third\n',
  'a list that becomes loose': '- a\n- b\n\n- c\n\npara',
  fences: 'before\n```js\nlet a = 1;\n\n\nlet b;\n```\nafter\n~~~\nunclosed\n\n# no heading\n',
  'indented code': 'a\n\n    code\n\n    more code\n\nb',
  quotes: '> a\nlazy\n> b\n\n> c\n\nd\n> e',
  tables: 'intro\n| a | b |\n|---|--:|\n| 1 | 2 |\nnot | row\n\nend\n',
  rules: 'a\n\n---\n\n***\nb\n- - -\nc',
  'carriage returns': 'a\r\nb\r\n\r\n- c\r\n- d\r\n\r\ne\rf\r\rg',
  'references before use': '[x]: https://a.example\n\nsee [x]\n\nand [x] again',
  mixed: '**bold** text\n\n1. one\n   ```py\n   x\n   ```\n2. two\n\n> quote\n> - item\n\n| h |\n|---|\n| c |\n\nend',
  unicode: '漢字。\n\n- 🌊 wave\n- é\n\nnaïve',
};

describe('BlockStream', () => {
  for (const [name, text] of Object.entries(kDocuments)) {
    it(`renders the same in one piece, cut once anywhere, and character by character: ${name}`, () => {
      const whole = md.render(text, {});
      for (let cut = 0; cut <= text.length; cut++) {
        expect(streamed(text, [cut]).html, `cut at ${cut}`).toBe(whole);
      }
      const all = Array.from({ length: text.length }, (_, i) => i);
      expect(streamed(text, all).html).toBe(whole);
    });
  }

  it('settles a block when the next one has begun, and not before', () => {
    const stream = new BlockStream(md, {});
    expect(stream.push('One.').settled).toEqual([]);
    expect(stream.push('One.\n\n').settled).toEqual([]);
    expect(stream.push('One.\n\n- a').settled).toEqual([]);
    expect(stream.push('One.\n\n- a\n')).toEqual({ settled: ['One.\n\n'], open: '- a\n' });
    expect(stream.push('One.\n\n- a\n- b\n').settled).toEqual([]);
  });

  it('keeps the open part of a long reply small', () => {
    const text = 'A sentence of the reply.\n\n'.repeat(500);
    const stream = new BlockStream(md, {});
    let most = 0;
    for (let end = 0; end < text.length; end += 7) {
      most = Math.max(most, stream.push(text.slice(0, end)).open.length);
    }
    expect(most).toBeLessThan(80);
  });
});
