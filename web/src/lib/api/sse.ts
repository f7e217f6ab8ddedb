// Server-sent events from a byte stream, by the rules of the HTML standard (section 9.2.6), as far
// as a fetch body needs them: "data" and "event"; "id" and "retry" belong to EventSource.
// The input may be cut anywhere, inside a character too.

export interface SseEvent {
  event: string; // "message" unless the stream names another
  data: string;
}

// One event of a chat reply has a few hundred bytes; what is larger than this is not a chat reply.
const kMaxEventChars = 4 << 20;

export class SseParser {
  private readonly decoder = new TextDecoder('utf-8');
  private line = '';
  private data: string[] = [];
  private size = 0;
  private event = '';
  private skipLineFeed = false; // the last chunk ended in CR: a LF now belongs to it

  // Events completed by these bytes. Throws RangeError for an event of unreasonable size.
  push(bytes: Uint8Array): SseEvent[] {
    const events: SseEvent[] = [];
    const text = this.decoder.decode(bytes, { stream: true });
    let start = 0;
    for (let i = 0; i < text.length; i++) {
      const c = text.charCodeAt(i);
      if (c !== 10 && c !== 13) {
        this.skipLineFeed = false;
        continue;
      }
      if (c === 10 && this.skipLineFeed) {
        this.skipLineFeed = false;
        start = i + 1;
        continue;
      }
      this.skipLineFeed = c === 13;
      this.takeLine(this.line + text.slice(start, i), events);
      this.line = '';
      start = i + 1;
    }
    this.line += text.slice(start);
    if (this.line.length + this.size > kMaxEventChars) {
      throw new RangeError('the server sent an event of more than 4 MiB');
    }
    return events;
  }

  private takeLine(line: string, events: SseEvent[]): void {
    if (line === '') {
      if (this.data.length > 0) {
        events.push({ event: this.event || 'message', data: this.data.join('\n') });
      }
      this.data = [];
      this.size = 0;
      this.event = '';
      return;
    }
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    let value = colon < 0 ? '' : line.slice(colon + 1);
    if (value.startsWith(' ')) value = value.slice(1);
    if (field === 'data') {
      this.data.push(value);
      this.size += value.length;
    } else if (field === 'event') {
      this.event = value;
    }
  }
}
