// Cuts a growing reply into pieces for a screen reader: whole sentences or lines, never half words,
// each said once.

export class SpokenText {
  private said = 0; // characters of the reply already handed out

  // The part of `text` that may be said now, '' when there is none. `whole`: nothing will follow.
  next(text: string, whole: boolean): string {
    const rest = text.slice(this.said);
    const end = whole ? rest.length : sentenceEnd(rest);
    this.said += end;
    return rest.slice(0, end).trim();
  }
}

// Just after the last line break, or after the last stop that is followed by a space. The full stops
// of Chinese and Japanese need no space.
function sentenceEnd(text: string): number {
  let end = 0;
  for (const match of text.matchAll(/\n|[.!?:;…]['")\]]*\s|[。！？]/g)) {
    end = match.index + match[0].length;
  }
  return end;
}
