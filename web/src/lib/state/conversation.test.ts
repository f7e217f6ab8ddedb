import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { ApiClient } from '../api/client';
import { ApiError } from '../api/errors';
import type { ReplyEvent, ReplyRequest } from '../api/types';
import { Conversation, parseMessages } from './conversation.svelte';
import { kDefaults, parseSettings, type SettingsValues } from './settings.svelte';

// A client that replies what the test hands it.
class TestClient {
  requests: ReplyRequest[] = [];
  script: (signal: AbortSignal) => AsyncGenerator<ReplyEvent> = async function* () {};

  reply(request: ReplyRequest, signal: AbortSignal): AsyncGenerator<ReplyEvent> {
    this.requests.push(request);
    return this.script(signal);
  }
}

class TestStorage {
  readonly items = new Map<string, string>();
  getItem = (key: string): string | null => this.items.get(key) ?? null;
  setItem = (key: string, value: string): void => void this.items.set(key, value);
  removeItem = (key: string): void => void this.items.delete(key);
}

const usage = {
  promptTokens: 30,
  cachedTokens: 10,
  completionTokens: 5,
  tokensPerSecond: null,
  prefillSeconds: null,
  seed: 3,
};

async function* says(...words: string[]): AsyncGenerator<ReplyEvent> {
  for (const text of words) yield { kind: 'text', text };
  yield { kind: 'finish', reason: 'stop' };
  yield { kind: 'usage', usage };
}

async function* breaks(kind: ApiError['kind'], ...words: string[]): AsyncGenerator<ReplyEvent> {
  for (const text of words) yield { kind: 'text', text };
  throw new ApiError(kind, 'why');
}

// Says a word, then waits to be stopped.
async function* waits(signal: AbortSignal): AsyncGenerator<ReplyEvent> {
  yield { kind: 'text', text: 'word' };
  await new Promise((_done, stop) => {
    signal.addEventListener('abort', () => stop(new DOMException('stopped', 'AbortError')));
  });
}

let client: TestClient;
let settings: SettingsValues;
let time = 0;

function create(): Conversation {
  return new Conversation(
    client as unknown as ApiClient,
    () => settings,
    () => 'model',
    () => (time += 100),
  );
}

beforeEach(() => {
  vi.stubGlobal('localStorage', new TestStorage());
  vi.stubGlobal('sessionStorage', new TestStorage());
  client = new TestClient();
  settings = { ...kDefaults };
});

describe('Conversation', () => {
  it('keeps what the model thought, and does not send it again', async () => {
    const conversation = create();
    client.script = async function* () {
      yield { kind: 'reasoning', text: 'h' };
      yield { kind: 'reasoning', text: 'm' };
      yield* says('42');
    };
    await conversation.send('Hi');
    await conversation.send('Again');
    expect(conversation.messages[1]).toMatchObject({ reasoning: 'hm', content: '42' });
    expect(client.requests[1]?.messages[1]).toEqual({ role: 'assistant', content: '42' });
    const kept = parseMessages(JSON.parse(JSON.stringify(conversation.messages)));
    expect(kept?.[1]?.reasoning).toBe('hm');
    const older = [{ id: 'a', role: 'assistant', content: 'x', state: 'done', finish: null }];
    expect(parseMessages(older)?.[0]?.reasoning).toBe('');
  });

  it('sends the whole conversation and collects the reply', async () => {
    const conversation = create();
    settings = { ...kDefaults, system: ' Be brief. ', maxTokens: 9, seed: 4, temperature: 0 };
    client.script = () => says('Hel', 'lo.');
    await conversation.send('  Hi  ');
    await conversation.send('Again');
    expect(client.requests[1]).toEqual({
      model: 'model',
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'Hi' },
        { role: 'assistant', content: 'Hello.' },
        { role: 'user', content: 'Again' },
      ],
      temperature: 0,
      maxTokens: 9,
      seed: 4,
    });
    const reply = conversation.messages.at(-1)!;
    expect(reply).toMatchObject({ role: 'assistant', content: 'Hello.', state: 'done', finish: 'stop' });
    expect(reply.stats?.usage).toEqual(usage);
    expect(reply.stats?.firstTokenMs).toBe(100);
    expect(reply.stats?.tokensPerSecond).toBe(40); // 4 tokens after the first in 100 ms
    expect(conversation.contextUsed).toBe(35);
    expect(conversation.streaming).toBe(false);
  });

  it('sends nothing for nothing, and nothing while a reply streams', async () => {
    const conversation = create();
    client.script = waits;
    await conversation.send('  \n ');
    const first = conversation.send('One');
    await vi.waitFor(() => expect(conversation.messages[1]?.content).toBe('word'));
    await conversation.send('Two');
    await conversation.regenerate();
    expect(client.requests).toHaveLength(1);
    expect(conversation.streaming).toBe(true);
    conversation.stop();
    await first;
    expect(conversation.messages.map((m) => [m.content, m.state])).toEqual([
      ['One', 'done'],
      ['word', 'stopped'],
    ]);
    expect(conversation.problem).toBeNull();
  });

  it('keeps what arrived before a failure, and drops a reply without a word', async () => {
    const conversation = create();
    client.script = () => breaks('cut', 'Half');
    await conversation.send('Hi');
    expect(conversation.messages.map((m) => m.state)).toEqual(['done', 'failed']);
    expect(conversation.problem).toMatchObject({ action: 'retry', detail: 'why' });

    client.script = () => breaks('busy');
    await conversation.regenerate();
    expect(conversation.messages.map((m) => m.content)).toEqual(['Hi']);
    expect(conversation.problem?.title).toBe('The server is busy');

    client.script = () => says('Whole');
    await conversation.regenerate();
    expect(conversation.messages.map((m) => m.content)).toEqual(['Hi', 'Whole']);
    expect(conversation.problem).toBeNull();
    expect(client.requests.map((r) => r.messages.length)).toEqual([1, 1, 1]);
  });

  it('survives a reload, in the middle of a reply too', async () => {
    const conversation = create();
    client.script = waits;
    void conversation.send('Hi');
    await vi.waitFor(() => expect(conversation.messages[1]?.content).toBe('word'));
    conversation.saveNow();
    const reloaded = create();
    expect(reloaded.messages.map((m) => [m.content, m.state])).toEqual([
      ['Hi', 'done'],
      ['word', 'stopped'],
    ]);
    conversation.stop();
  });

  it('lets each tab go on with its own conversation, and a new tab with the latest', async () => {
    client.script = () => says('A');
    await create().send('first tab');
    const firstTab = sessionStorage;
    vi.stubGlobal('sessionStorage', new TestStorage());
    const second = create();
    expect(second.messages[0]?.content).toBe('first tab');
    await second.send('second tab');
    expect(create().messages).toHaveLength(4);
    vi.stubGlobal('sessionStorage', firstTab);
    expect(create().messages).toHaveLength(2);
  });

  it('clears, and brings back what was cleared', async () => {
    const conversation = create();
    client.script = () => says('A');
    await conversation.send('Hi');
    conversation.clear();
    expect(conversation.messages).toEqual([]);
    expect(create().messages).toEqual([]);
    expect(conversation.cleared).toBe(true);
    conversation.restore();
    expect(conversation.messages.map((m) => m.content)).toEqual(['Hi', 'A']);
    expect(conversation.cleared).toBe(false);
    expect(create().messages).toHaveLength(2);
  });

  it('forgets a reply that streams when it is cleared', async () => {
    const conversation = create();
    client.script = waits;
    const sent = conversation.send('Hi');
    await vi.waitFor(() => expect(conversation.messages[1]?.content).toBe('word'));
    conversation.clear();
    await sent;
    expect(conversation.messages).toEqual([]);
    expect(conversation.problem).toBeNull();
    client.script = () => says('B');
    await conversation.send('New');
    expect(conversation.messages.map((m) => m.content)).toEqual(['New', 'B']);
    expect(conversation.cleared).toBe(false);
  });

  it('works where the browser keeps nothing', async () => {
    const broken = { getItem: () => { throw new Error('denied'); } };
    vi.stubGlobal('localStorage', broken);
    vi.stubGlobal('sessionStorage', broken);
    const conversation = create();
    client.script = () => says('A');
    await conversation.send('Hi');
    expect(conversation.messages).toHaveLength(2);
  });
});

describe('what was kept', () => {
  const ended = { state: 'done', finish: null, stats: null };
  const good = { id: 'a', role: 'user', content: 'x', reasoning: '', ...ended };

  it('is refused when it is no conversation', () => {
    for (const bad of [null, 1, {}, 'x', [1], [{}], [{ ...good, role: 'system' }]]) {
      expect(parseMessages(bad)).toBeNull();
    }
    expect(parseMessages([{ ...good, content: 5 }])).toBeNull();
    expect(parseMessages([{ ...good, state: 'odd' }])).toBeNull();
    expect(parseMessages([{ ...good, stats: 'odd', finish: 'odd', more: 1 }])).toEqual([good]);
  });

  it('gives each setting that is broken its default', () => {
    expect(parseSettings(null)).toBeNull();
    expect(parseSettings([])).toBeNull();
    const odd = { system: 1, temperature: 9, maxTokens: 0, seed: 1.5, apiKey: null, showStats: 'yes' };
    expect(parseSettings(odd)).toEqual(kDefaults);
    const fine = { system: 's', temperature: 0, maxTokens: 1, seed: 0, apiKey: 'k', showStats: true };
    expect(parseSettings(fine)).toEqual(fine);
  });
});
