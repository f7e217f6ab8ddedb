// Cuts a growing Markdown text into blocks that can no longer change and the one that still can, so
// that a streamed reply parses and renders each paragraph, list or code block once it is closed.
//
// Only the last top-level block of a text can be changed by what is appended to it, and a line counts
// only when its line break has come: "#" alone is a heading, "#a" goes on with the paragraph above.

import type MarkdownIt from 'markdown-it';
import type { MarkdownEnv } from './parser';

export interface Blocks {
  settled: string[]; // closed since the last call, in order
  open: string; // the rest
}

export class BlockStream {
  private start = 0; // of the open part in the text

  constructor(
    private readonly md: MarkdownIt,
    private readonly env: MarkdownEnv,
  ) {}

  // `text` is the whole text so far: that of the last call, with more behind it.
  push(text: string): Blocks {
    const open = text.slice(this.start);
    const lines = lineStarts(open);
    const completeLines = lines.length - 1; // the last has no line break yet
    const starts = this.topLevelLines(open).filter((line) => line < completeLines);
    const settled: string[] = [];
    for (let i = 0; i + 1 < starts.length; i++) {
      settled.push(open.slice(i === 0 ? 0 : lines[starts[i]!], lines[starts[i + 1]!]));
    }
    const end = starts.length > 1 ? lines[starts[starts.length - 1]!]! : 0;
    this.start += end;
    return { settled, open: open.slice(end) };
  }

  // The first line of each top-level block.
  private topLevelLines(text: string): number[] {
    const starts: number[] = [];
    for (const token of this.md.parse(text, provisional(this.env))) {
      if (token.level === 0 && token.nesting >= 0 && token.map) starts.push(token.map[0]);
    }
    return starts;
  }
}

// An environment for text that is not closed yet: it knows the references so far, and what it defines
// is forgotten, for its last definition may be half an address.
export function provisional(env: MarkdownEnv): MarkdownEnv {
  return { references: { ...env.references } };
}

// Where each line begins, by markdown-it's reading of line breaks.
function lineStarts(text: string): number[] {
  const starts = [0];
  for (const match of text.matchAll(/\r\n?|\n/g)) starts.push(match.index + match[0].length);
  return starts;
}
