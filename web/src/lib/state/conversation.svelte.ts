// One conversation: its messages, the reply that is being written, and what went wrong. Knows no
// element of the page. Kept in the browser at every change, so that a reload loses nothing.

import type { ApiClient } from '../api/client';
import { isAbort } from '../api/client';
import { explain, type Problem } from '../api/errors';
import type { ChatTurn, FinishReason, Usage } from '../api/types';
import type { SettingsValues } from './settings.svelte';
import { isRecord, slot } from './storage';

export type MessageState =
  | 'done'
  | 'streaming'
  | 'stopped' // by the reader, or by leaving the page
  | 'failed';

export interface ReplyStats {
  usage: Usage | null; // null when the reply did not reach its end
  tokensPerSecond: number | null;
  firstTokenMs: number | null; // from sending to the first text
}

export interface Message {
  id: string;
  role: 'user' | 'assistant';
  content: string;
  reasoning: string; // what the model thought before it answered; shown, never sent again
  state: MessageState;
  finish: FinishReason | null;
  stats: ReplyStats | null;
}

const kSaveMs = 400;
const kUndoMs = 8000;

export class Conversation {
  messages = $state<Message[]>([]);
  problem = $state<Problem | null>(null);
  cleared = $state(false); // restore() can bring the last conversation back
  readonly streaming = $derived(this.messages.some((m) => m.state === 'streaming'));
  // Tokens of the context that the conversation takes, as the last complete reply counted them.
  readonly contextUsed = $derived.by(() => {
    const usage = this.messages.findLast((m) => m.stats?.usage)?.stats?.usage;
    return usage ? usage.promptTokens + usage.completionTokens : 0;
  });

  private readonly kept = slot<Message[]>('conversation', parseMessages, () => [
    sessionStorage, // each tab goes on with its own
    localStorage, // and a new one with the latest
  ]);
  private abort: AbortController | null = null;
  private saveTimer: ReturnType<typeof setTimeout> | undefined;
  private previous: Message[] = [];
  private forgetTimer: ReturnType<typeof setTimeout> | undefined;
  private ids = 0;

  constructor(
    private readonly client: ApiClient,
    private readonly settings: () => SettingsValues,
    private readonly model: () => string,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.messages = this.kept.load() ?? [];
  }

  // Appends the reader's message and streams a reply to it. Ignored while another streams.
  async send(text: string): Promise<void> {
    const content = text.trim();
    if (!content || this.abort) return;
    this.messages.push(this.create('user', content, 'done'));
    await this.reply();
  }

  // Throws the last reply away and asks for another.
  async regenerate(): Promise<void> {
    if (this.abort) return;
    while (this.messages.at(-1)?.role === 'assistant') this.messages.pop();
    if (this.messages.length > 0) await this.reply();
  }

  stop(): void {
    this.abort?.abort();
  }

  // Begins a new conversation. For a while the old one can be had back with restore().
  clear(): void {
    this.stop();
    this.abort = null;
    this.saveNow();
    this.previous = parseMessages($state.snapshot(this.messages)) ?? [];
    this.messages = [];
    this.problem = null;
    this.kept.clear();
    this.cleared = this.previous.length > 0;
    clearTimeout(this.forgetTimer);
    this.forgetTimer = setTimeout(() => this.forget(), kUndoMs);
  }

  restore(): void {
    if (!this.cleared) return;
    this.messages = this.previous;
    this.forget();
    this.saveNow();
  }

  private forget(): void {
    clearTimeout(this.forgetTimer);
    this.cleared = false;
    this.previous = [];
  }

  // For when the page is about to go: stops a reply before the browser cuts it, which would look like
  // a failure, and writes what is pending.
  leave(): void {
    this.saveNow();
    this.stop();
  }

  saveNow(): void {
    clearTimeout(this.saveTimer);
    this.saveTimer = undefined;
    if (this.messages.length > 0) this.kept.save($state.snapshot(this.messages));
  }

  private async reply(): Promise<void> {
    this.problem = null;
    this.forget();
    const request = this.request();
    this.messages.push(this.create('assistant', '', 'streaming'));
    const message = this.messages.at(-1)!; // the reactive one
    const abort = new AbortController();
    this.abort = abort;
    this.saveSoon();
    const meter = new ReplyMeter(this.now);
    try {
      for await (const event of this.client.reply(request, abort.signal)) {
        if (event.kind === 'reasoning') {
          message.reasoning += event.text;
          meter.text();
        } else if (event.kind === 'text') {
          message.content += event.text;
          meter.text();
        } else if (event.kind === 'finish') {
          message.finish = event.reason;
        } else {
          meter.usage = event.usage;
        }
        this.saveSoon();
      }
      message.state = 'done';
    } catch (error) {
      message.state = isAbort(error) ? 'stopped' : 'failed';
      // A conversation that was cleared meanwhile has nothing to say about its last reply.
      if (this.abort === abort && !isAbort(error)) this.problem = explain(error);
    }
    message.stats = meter.stats();
    if (this.abort !== abort) return;
    this.abort = null;
    if (message.state === 'failed' && !message.content && !message.reasoning) this.messages.pop();
    this.saveNow();
  }

  private request() {
    const { system, temperature, maxTokens, seed } = this.settings();
    const turns: ChatTurn[] = system.trim() ? [{ role: 'system', content: system.trim() }] : [];
    for (const { role, content } of this.messages) if (content) turns.push({ role, content });
    return { model: this.model(), messages: turns, temperature, maxTokens, seed };
  }

  private create(role: Message['role'], content: string, state: MessageState): Message {
    // Unique in the conversation; crypto.randomUUID is missing where a page is not "secure".
    const id = `${Date.now().toString(36)}-${(this.ids++).toString(36)}`;
    return { id, role, content, reasoning: '', state, finish: null, stats: null };
  }

  private saveSoon(): void {
    this.saveTimer ??= setTimeout(() => this.saveNow(), kSaveMs);
  }
}

// The speed of one reply. The server's own figure is used where it sends one.
class ReplyMeter {
  usage: Usage | null = null;
  private readonly start: number;
  private first: number | null = null;
  private last = 0;

  constructor(private readonly now: () => number) {
    this.start = now();
  }

  text(): void {
    this.last = this.now();
    this.first ??= this.last;
  }

  stats(): ReplyStats {
    const { usage, first, last } = this;
    let speed = usage?.tokensPerSecond ?? null;
    if (speed === null && usage && first !== null && last > first) {
      speed = ((usage.completionTokens - 1) * 1000) / (last - first);
    }
    const firstTokenMs = first === null ? null : first - this.start;
    return { usage, tokensPerSecond: speed, firstTokenMs };
  }
}

const kStates: MessageState[] = ['done', 'streaming', 'stopped', 'failed'];

// What was kept, or null when it is no conversation. A reply that was being written stopped with the
// page that wrote it.
export function parseMessages(value: unknown): Message[] | null {
  if (!Array.isArray(value)) return null;
  const messages: Message[] = [];
  for (const row of value as unknown[]) {
    if (!isRecord(row) || typeof row['id'] !== 'string') return null;
    const { role, content, state, finish } = row;
    if ((role !== 'user' && role !== 'assistant') || typeof content !== 'string') return null;
    if (!kStates.includes(state as MessageState)) return null;
    messages.push({
      id: row['id'],
      role,
      content,
      reasoning: typeof row['reasoning'] === 'string' ? row['reasoning'] : '',
      state: state === 'streaming' ? 'stopped' : (state as MessageState),
      finish: finish === 'stop' || finish === 'length' || finish === 'other' ? finish : null,
      stats: parseStats(row['stats']),
    });
  }
  return messages;
}

function parseStats(value: unknown): ReplyStats | null {
  if (!isRecord(value)) return null;
  const number = (v: unknown): number | null => (typeof v === 'number' ? v : null);
  return {
    usage: parseUsage(value['usage']),
    tokensPerSecond: number(value['tokensPerSecond']),
    firstTokenMs: number(value['firstTokenMs']),
  };
}

function parseUsage(value: unknown): Usage | null {
  if (!isRecord(value)) return null;
  const number = (v: unknown): number | null => (typeof v === 'number' ? v : null);
  return {
    promptTokens: number(value['promptTokens']) ?? 0,
    cachedTokens: number(value['cachedTokens']) ?? 0,
    completionTokens: number(value['completionTokens']) ?? 0,
    tokensPerSecond: number(value['tokensPerSecond']),
    prefillSeconds: number(value['prefillSeconds']),
    seed: number(value['seed']),
  };
}
