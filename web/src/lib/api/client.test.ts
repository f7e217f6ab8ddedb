import { describe, expect, it } from 'vitest';
import { ApiClient, isAbort, type Fetch } from './client';
import { ApiError } from './errors';
import type { ReplyEvent, ReplyRequest } from './types';

const kRequest: ReplyRequest = {
  model: 'm',
  messages: [{ role: 'user', content: 'hi' }],
  temperature: 0.5,
  maxTokens: null,
  seed: null,
};

const chunk = (delta: object, finish: string | null = null): string =>
  `data: ${JSON.stringify({ choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
const kDone = 'data: [DONE]\n\n';

// A body that comes in these parts, then ends or breaks.
function bodyOf(parts: string[], broken = false): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(control) {
      for (const part of parts) control.enqueue(new TextEncoder().encode(part));
      if (broken) control.error(new TypeError('connection reset'));
      else control.close();
    },
  });
}

const answer = (body: BodyInit | null, status = 200): Fetch => {
  return () => Promise.resolve(new Response(body, { status }));
};

async function collect(send: Fetch, request = kRequest): Promise<ReplyEvent[]> {
  const client = new ApiClient(() => '', send);
  const events: ReplyEvent[] = [];
  for await (const event of client.reply(request, new AbortController().signal)) {
    events.push(event);
  }
  return events;
}

async function failure(work: Promise<unknown>): Promise<ApiError> {
  const error: unknown = await work.then(
    () => null,
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(ApiError);
  return error as ApiError;
}

describe('ApiClient.reply', () => {
  it('yields reasoning apart from text', async () => {
    const stream = [chunk({ role: 'assistant', content: '' }), chunk({ reasoning_content: 'hm' })];
    stream.push(chunk({ reasoning_content: '', content: '42' }), chunk({}, 'stop'), kDone);
    expect(await collect(answer(bodyOf(stream)))).toEqual([
      { kind: 'reasoning', text: 'hm' },
      { kind: 'text', text: '42' },
      { kind: 'finish', reason: 'stop' },
    ]);
  });

  it('yields text, the end and the usage, in either place of the usage', async () => {
    const usage = {
      prompt_tokens: 20,
      completion_tokens: 2,
      prompt_tokens_details: { cached_tokens: 16 },
    };
    const timings = { decode_tokens_per_second: 40, prefill_seconds: 0.1 };
    const tail = `data: ${JSON.stringify({ choices: [], usage, timings, seed: 9 })}\n\n`;
    const stream = [chunk({ role: 'assistant', content: '' }), ': keep-alive\n\n'];
    stream.push(chunk({ content: 'Hel' }), chunk({ content: 'lo' }), chunk({}, 'length'), tail, kDone);
    expect(await collect(answer(bodyOf(stream)))).toEqual([
      { kind: 'text', text: 'Hel' },
      { kind: 'text', text: 'lo' },
      { kind: 'finish', reason: 'length' },
      {
        kind: 'usage',
        usage: {
          promptTokens: 20,
          completionTokens: 2,
          cachedTokens: 16,
          tokensPerSecond: 40,
          prefillSeconds: 0.1,
          seed: 9,
        },
      },
    ]);

    const last = { choices: [{ delta: {}, finish_reason: 'tool_calls' }], usage };
    const events = await collect(answer(bodyOf([`data: ${JSON.stringify(last)}\n\n`, kDone])));
    expect(events.map((event) => event.kind)).toEqual(['finish', 'usage']);
    expect(events[0]).toEqual({ kind: 'finish', reason: 'other' });
  });

  it('sends what was asked, and nothing that was not', async () => {
    const bodies: unknown[] = [];
    const headers: Headers[] = [];
    const send: Fetch = (_path, init) => {
      bodies.push(JSON.parse(String(init.body)));
      headers.push(new Headers(init.headers));
      return Promise.resolve(new Response(bodyOf([kDone])));
    };
    await collect(send);
    await collect(send, { ...kRequest, maxTokens: 5, seed: 0 });
    await collect(send, { ...kRequest, temperature: null });
    const common = {
      model: 'm',
      messages: kRequest.messages,
      temperature: 0.5,
      stream: true,
      stream_options: { include_usage: true },
    };
    const { temperature: _, ...advised } = common;
    expect(bodies).toEqual([common, { ...common, max_tokens: 5, seed: 0 }, advised]);
    expect(headers[0]?.has('authorization')).toBe(false);

    const locked = new ApiClient(() => 'secret', send);
    await locked.reply(kRequest, new AbortController().signal).next();
    expect(headers[3]?.get('authorization')).toBe('Bearer secret');
  });

  it('tells a cut stream from a whole one', async () => {
    const parts = [chunk({ content: 'a' })];
    expect((await failure(collect(answer(bodyOf(parts))))).kind).toBe('cut');
    expect((await failure(collect(answer(bodyOf(parts, true))))).kind).toBe('cut');
  });

  it('reports an error in the middle of a stream', async () => {
    const event = `data: ${JSON.stringify({ error: { message: 'out of memory', code: 'x' } })}\n\n`;
    const error = await failure(collect(answer(bodyOf([chunk({ content: 'a' }), event, kDone]))));
    expect([error.kind, error.message]).toEqual(['server', 'out of memory']);
  });

  it('refuses what is not the API', async () => {
    for (const data of ['nonsense', '[1]', '"text"', '{"choices":']) {
      expect((await failure(collect(answer(bodyOf([`data: ${data}\n\n`]))))).kind).toBe('protocol');
    }
  });

  it('passes an abort on, before and during the reply', async () => {
    const abort = new AbortController();
    const send: Fetch = (_path, init) => {
      const body = new ReadableStream<Uint8Array>({
        start(control) {
          control.enqueue(new TextEncoder().encode(chunk({ content: 'a' })));
          init.signal?.addEventListener('abort', () =>
            control.error(new DOMException('stopped', 'AbortError')),
          );
        },
      });
      return Promise.resolve(new Response(body));
    };
    const reply = new ApiClient(() => '', send).reply(kRequest, abort.signal);
    expect((await reply.next()).value).toEqual({ kind: 'text', text: 'a' });
    abort.abort();
    const error: unknown = await reply.next().catch((e: unknown) => e);
    expect(isAbort(error)).toBe(true);
  });
});

describe('ApiClient errors', () => {
  const body = (message: string, code: string | null): string =>
    JSON.stringify({ error: { message, type: 'invalid_request_error', param: null, code } });

  it.each([
    [400, body('the prompt has 3000 tokens', 'context_length_exceeded'), 'context'],
    [400, body('temperature is 9', null), 'refused'],
    [401, body('no key', 'invalid_api_key'), 'unauthorised'],
    [404, body('no such model', 'model_not_found'), 'no-model'],
    [413, body('too large', null), 'too-large'],
    [429, body('slow down', null), 'busy'],
    [503, body('shutting down', 'unavailable'), 'busy'],
    [500, body('oops', 'internal'), 'server'],
    [502, '<html>Bad gateway</html>', 'server'],
  ])('reads status %i', async (status, text, kind) => {
    const error = await failure(collect(answer(text, status)));
    expect(error.kind).toBe(kind);
    expect(error.message).not.toContain('<');
    expect(error.message).not.toBe('');
  });

  it('says when the server cannot be reached', async () => {
    const send: Fetch = () => Promise.reject(new TypeError('failed to fetch'));
    expect((await failure(collect(send))).kind).toBe('network');
  });
});

describe('ApiClient.models and health', () => {
  it('reads the models with their context lengths', async () => {
    const list = { data: [{ id: 'a', context_length: 2048, sampling: { temperature: 0 } }, { id: 'b' }, 'no row'] };
    const client = new ApiClient(() => '', answer(JSON.stringify(list)));
    expect(await client.models()).toEqual([
      { id: 'a', contextLength: 2048, temperature: 0 },
      { id: 'b', contextLength: null, temperature: null },
    ]);
  });

  it('reads a health page with and without details', async () => {
    const full = { status: 'ok', version: '1', kernels: 'avx2', threads: 4 };
    const health = (value: object) => new ApiClient(() => '', answer(JSON.stringify(value))).health();
    expect(await health({ ...full, memory: { resident_bytes: 5 } })).toEqual({
      version: '1',
      kernels: 'avx2',
      threads: 4,
      memoryBytes: 5,
    });
    expect((await health({ status: 'ok' })).version).toBeNull();
  });

  it('refuses an answer that is not JSON', async () => {
    const client = new ApiClient(() => '', answer('<html>'));
    expect((await failure(client.models())).kind).toBe('protocol');
    expect((await failure(client.health())).kind).toBe('protocol');
  });
});
