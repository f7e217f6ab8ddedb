// A growing Markdown text in the page: renders each block once when it is closed, and only the open
// one again with every update.

import { BlockStream, provisional } from './blocks';
import { createParser, type MarkdownEnv } from './parser';
import { sanitize } from './sanitize';

type Highlight = (code: string, language: string) => DocumentFragment | null;

// Code that is still growing is coloured at every update up to this length, a longer one at its end.
const kLiveHighlightChars = 4000;

// "[name]: address", or what looks like it.
const kReference = /^ {0,3}\[[^\]]+\]:/m;

const md = createParser();
let highlight: Highlight | null = null;
let loading: Promise<void> | null = null;

export class MarkdownView {
  private text = '';
  private env: MarkdownEnv = {};
  private blocks = new BlockStream(md, this.env);
  private open: ChildNode[] = []; // what the open block rendered to
  private chunks = 0;

  constructor(private readonly root: HTMLElement) {}

  // `whole`: nothing will follow.
  update(text: string, whole: boolean): void {
    if (!text.startsWith(this.text)) this.reset();
    this.text = text;
    if (whole && this.chunks > 0 && kReference.test(text)) {
      // A link may use a reference that was defined after it was rendered.
      this.reset();
      this.text = text;
    }
    const fresh = whole && this.chunks === 0;
    const { settled, open } = fresh ? { settled: [], open: text } : this.blocks.push(text);
    for (const block of settled) this.settle(block);
    this.renderOpen(open, whole);
  }

  private reset(): void {
    this.root.replaceChildren();
    this.text = '';
    this.env = {};
    this.blocks = new BlockStream(md, this.env);
    this.open = [];
    this.chunks = 0;
  }

  private settle(block: string): void {
    for (const node of this.open) node.remove();
    this.open = [];
    this.root.append(render(block, this.env, Infinity));
    this.chunks++;
  }

  private renderOpen(text: string, whole: boolean): void {
    const fragment = render(text, provisional(this.env), whole ? Infinity : kLiveHighlightChars);
    const next = [...fragment.childNodes];
    if (growCode(this.open, next)) return;
    for (const node of this.open) node.remove();
    this.open = next;
    this.root.append(fragment);
  }
}

function render(text: string, env: MarkdownEnv, maxHighlight: number): DocumentFragment {
  const fragment = sanitize(md.render(text, env));
  for (const pre of fragment.querySelectorAll('pre')) frameCode(pre, maxHighlight);
  for (const table of fragment.querySelectorAll('table')) frameTable(table);
  // The line breaks between blocks are only those of the HTML text.
  for (const node of [...fragment.childNodes]) {
    if (node.nodeType === Node.TEXT_NODE && !node.textContent?.trim()) node.remove();
  }
  return fragment;
}

// <pre> becomes a figure with the language's name and a button, which Markdown.svelte serves.
function frameCode(pre: HTMLPreElement, maxHighlight: number): void {
  const code = pre.querySelector('code');
  if (!code) return;
  const language = /(?:^| )language-(\S+)/.exec(code.className)?.[1]?.toLowerCase() ?? '';
  const name = document.createElement('span');
  name.textContent = language || 'text';
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'copy-code';
  button.textContent = 'Copy';
  const caption = document.createElement('figcaption');
  caption.append(name, button);
  const figure = document.createElement('figure');
  figure.className = 'code';
  figure.dataset['language'] = language;
  pre.replaceWith(figure);
  pre.tabIndex = 0; // may scroll sideways, by the keyboard too
  figure.append(caption, pre);
  if (language && (code.textContent ?? '').length <= maxHighlight) colour(code, language);
}

function frameTable(table: HTMLTableElement): void {
  const frame = document.createElement('div');
  frame.className = 'table';
  frame.tabIndex = 0;
  frame.setAttribute('role', 'region');
  frame.setAttribute('aria-label', 'Table');
  table.replaceWith(frame);
  frame.append(table);
}

function colour(code: HTMLElement, language: string): void {
  if (highlight) {
    const coloured = highlight(code.textContent ?? '', language);
    if (coloured) code.replaceChildren(coloured);
    return;
  }
  loading ??= import('./highlight').then(
    (part) => void (highlight = part.highlight),
    () => void (loading = null), // shown without colours; the next block tries again
  );
  void loading.then(() => {
    if (highlight && code.isConnected) colour(code, language);
  });
}

// When the open block is one code block and still is, only its code changes: its scroll position,
// the reader's focus on its button and the frame stay.
function growCode(before: ChildNode[], after: ChildNode[]): boolean {
  const [old, now] = [before[0], after[0]];
  if (before.length !== 1 || after.length !== 1) return false;
  if (!(old instanceof HTMLElement && now instanceof HTMLElement)) return false;
  if (!old.matches('figure.code') || !now.matches('figure.code')) return false;
  if (old.dataset['language'] !== now.dataset['language']) return false;
  const target = old.querySelector('code');
  const source = now.querySelector('code');
  if (!target || !source) return false;
  target.replaceChildren(...source.childNodes);
  return true;
}
