// Markdown to HTML text: which Markdown the page speaks and what becomes of each construct. The
// result is not yet trusted; sanitize.ts comes after it, always.

import MarkdownIt from 'markdown-it';
import type { RenderRule } from 'markdown-it/lib/renderer.mjs';

// What one document carries from chunk to chunk: its link references.
export interface MarkdownEnv {
  references?: Record<string, unknown>;
}

// The headings of a reply stand below those of the page: "# A" becomes <h3>.
const kHeadingShift = 2;

export function createParser(): MarkdownIt {
  const md = new MarkdownIt({ html: false, linkify: true, breaks: false });
  // "example.py" is a file, not a site: only what says http, https or mailto is made a link.
  md.linkify.set({ fuzzyLink: false, fuzzyEmail: false });
  const { rules } = md.renderer;

  // An image would be fetched from wherever the reply says, telling that host that it was read. A
  // link in its place does nothing until it is followed.
  rules['image'] = (tokens, i) => {
    const source = tokens[i]?.attrGet('src') ?? '';
    const text = tokens[i]?.content || source;
    const { escapeHtml } = md.utils;
    return `<a href="${escapeHtml(source)}">${escapeHtml(text)}</a>`;
  };

  rules['heading_open'] = rules['heading_close'] = (tokens, i, options, _env, self) => {
    const token = tokens[i]!;
    const level = Math.min(Number(token.tag.slice(1)) + kHeadingShift, 6);
    token.tag = `h${level}`;
    return self.renderToken(tokens, i, options);
  };

  // Column alignment comes as an inline style, which the page's policy forbids: a class instead.
  const aligned: RenderRule = (tokens, i, options, _env, self) => {
    const token = tokens[i]!;
    const align = /text-align:(left|center|right)/.exec(token.attrGet('style') ?? '')?.[1];
    token.attrs = align ? [['class', `align-${align}`]] : null;
    return self.renderToken(tokens, i, options);
  };
  rules['th_open'] = rules['td_open'] = aligned;
  return md;
}
