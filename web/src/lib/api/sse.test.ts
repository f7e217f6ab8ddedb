import { describe, expect, it } from 'vitest';
import { SseParser, type SseEvent } from './sse';

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

function parse(...parts: Uint8Array[]): SseEvent[] {
  const parser = new SseParser();
  return parts.flatMap((part) => parser.push(part));
}

// Everything the format has: comments, all three line ends, fields without a value or a colon, several
// data lines, an event name, an unknown field, characters of one to four bytes, an unfinished event.
const kStream =
  '\uFEFF: keep-alive\n\n' +
  'data: {"a":1}\n\n' +
  'data:no space\r\n\r\n' +
  'data: first\rdata: second\r\r' +
  'event: error\ndata: größe 漢字 🌊\n\n' +
  'data\n\n' +
  'id: 7\nretry: 10\nunknown: x\ndata:  two spaces\n\n' +
  'event: no data\n\n' +
  ':\r\n\r\n' +
  'data: [DONE]\n\n' +
  'data: never finished\n';

const kEvents: SseEvent[] = [
  { event: 'message', data: '{"a":1}' },
  { event: 'message', data: 'no space' },
  { event: 'message', data: 'first\nsecond' },
  { event: 'error', data: 'größe 漢字 🌊' },
  { event: 'message', data: '' },
  { event: 'message', data: ' two spaces' },
  { event: 'message', data: '[DONE]' },
];

describe('SseParser', () => {
  it('reads a whole stream at once', () => {
    expect(parse(encode(kStream))).toEqual(kEvents);
  });

  it('reads the same when cut in two at every byte', () => {
    const bytes = encode(kStream);
    for (let cut = 0; cut <= bytes.length; cut++) {
      const events = parse(bytes.subarray(0, cut), bytes.subarray(cut));
      expect(events, `cut at byte ${cut}`).toEqual(kEvents);
    }
  });

  it('reads the same byte by byte', () => {
    const bytes = encode(kStream);
    expect(parse(...Array.from(bytes, (_, i) => bytes.subarray(i, i + 1)))).toEqual(kEvents);
  });

  it('hands an event out as soon as its blank line has come', () => {
    const parser = new SseParser();
    expect(parser.push(encode('data: a\n'))).toEqual([]);
    expect(parser.push(encode('\n'))).toEqual([{ event: 'message', data: 'a' }]);
    expect(parser.push(encode('data: b\r\n\r'))).toEqual([{ event: 'message', data: 'b' }]);
    expect(parser.push(encode('\ndata: c\n\n'))).toEqual([{ event: 'message', data: 'c' }]);
  });

  it('replaces ill-formed bytes and goes on', () => {
    const bytes = new Uint8Array([...encode('data: '), 0xff, 0xc3, ...encode('\n\ndata: b\n\n')]);
    expect(parse(bytes).map((event) => event.data)).toEqual(['\uFFFD\uFFFD', 'b']);
  });

  it('refuses an event without end', () => {
    const parser = new SseParser();
    const block = encode(`data: ${'x'.repeat(1 << 20)}\n`);
    expect(() => {
      for (let i = 0; i < 8; i++) parser.push(block);
    }).toThrow(RangeError);
    const line = encode('x'.repeat(1 << 20));
    const other = new SseParser();
    expect(() => {
      for (let i = 0; i < 8; i++) other.push(line);
    }).toThrow(RangeError);
  });
});
