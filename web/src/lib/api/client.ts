// The typed client of Fathom's HTTP API: the only file that knows paths, wire names and headers.
// It keeps no state; every call stands alone and throws ApiError, or AbortError when cancelled.

import { ApiError, errorOfEvent, errorOfResponse } from './errors';
import { SseParser } from './sse';
import type { FinishReason, ModelInfo, ReplyEvent, ReplyRequest, ServerFacts, Usage } from './types';

export type Fetch = (input: string, init: RequestInit) => Promise<Response>;

type Json = { [key: string]: unknown };

export class ApiClient {
  // `key` is asked at every request, so that a new key counts at once; '' sends none.
  constructor(
    private readonly key: () => string,
    private readonly send: Fetch = (input, init) => fetch(input, init),
  ) {}

  // The models that the server can answer with, the loaded one first.
  async models(signal?: AbortSignal): Promise<ModelInfo[]> {
    const body = await this.json('/v1/models', signal);
    if (!Array.isArray(body['data'])) {
      throw new ApiError('protocol', 'the list of models has no "data"');
    }
    return body['data'].filter(isObject).map((row) => ({
      id: String(row['id'] ?? ''),
      contextLength: positive(row['context_length']) ?? positive(row['max_model_len']),
      temperature: advisedTemperature(row['sampling']),
    }));
  }

  // The server's own account of itself. Without the key it only says that it is there.
  async health(signal?: AbortSignal): Promise<ServerFacts> {
    const body = await this.json('/health', signal);
    const memory = isObject(body['memory']) ? body['memory'] : {};
    return {
      version: text(body['version']),
      kernels: text(body['kernels']),
      threads: positive(body['threads']),
      memoryBytes: positive(memory['resident_bytes']),
    };
  }

  // Streams one reply. The generator ends after the server's [DONE]; a stream that ends without it
  // throws ApiError('cut'). Aborting the signal cancels the work on the server too.
  async *reply(request: ReplyRequest, signal: AbortSignal): AsyncGenerator<ReplyEvent> {
    const body: Json = {
      model: request.model,
      messages: request.messages,
      stream: true,
      stream_options: { include_usage: true },
    };
    if (request.temperature !== null) body['temperature'] = request.temperature;
    if (request.maxTokens !== null) body['max_tokens'] = request.maxTokens;
    if (request.seed !== null) body['seed'] = request.seed;
    const response = await this.call('/v1/chat/completions', {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
      body: JSON.stringify(body),
      signal,
    });
    if (!response.body) throw new ApiError('protocol', 'the reply has no body');
    const reader = response.body.getReader();
    const parser = new SseParser();
    try {
      for (;;) {
        const { done, value } = await readChunk(reader);
        if (done) throw new ApiError('cut', '');
        for (const event of parser.push(value)) {
          if (event.data === '[DONE]') return;
          yield* replyEvents(event.data);
        }
      }
    } catch (error) {
      if (error instanceof RangeError) throw new ApiError('protocol', error.message);
      throw error;
    } finally {
      // Also when the consumer stops early: the server notices and frees its work.
      reader.cancel().catch(() => undefined);
    }
  }

  private async json(path: string, signal?: AbortSignal): Promise<Json> {
    const response = await this.call(path, { method: 'GET', ...(signal ? { signal } : {}) });
    const body: unknown = await response.json().catch(() => null);
    if (!isObject(body)) throw new ApiError('protocol', `${path} did not answer with JSON`);
    return body;
  }

  private async call(path: string, init: RequestInit): Promise<Response> {
    const headers = new Headers(init.headers);
    const key = this.key();
    if (key) headers.set('authorization', `Bearer ${key}`);
    let response: Response;
    try {
      response = await this.send(path, {
        ...init,
        headers,
        cache: 'no-store',
        credentials: 'same-origin',
      });
    } catch (error) {
      if (isAbort(error)) throw error;
      throw new ApiError('network', '');
    }
    if (!response.ok) {
      throw errorOfResponse(response.status, await response.text().catch(() => ''));
    }
    return response;
  }
}

export function isAbort(error: unknown): boolean {
  return (error as { name?: unknown } | null)?.name === 'AbortError';
}

async function readChunk(
  reader: ReadableStreamDefaultReader<Uint8Array>,
): Promise<ReadableStreamReadResult<Uint8Array>> {
  try {
    return await reader.read();
  } catch (error) {
    if (isAbort(error)) throw error;
    throw new ApiError('cut', '');
  }
}

function* replyEvents(data: string): Generator<ReplyEvent> {
  let chunk: unknown;
  try {
    chunk = JSON.parse(data);
  } catch {
    throw new ApiError('protocol', 'a part of the reply is not JSON');
  }
  if (!isObject(chunk)) throw new ApiError('protocol', 'a part of the reply is not an object');
  if (chunk['error'] !== undefined && chunk['error'] !== null) throw errorOfEvent(chunk);
  const choice: unknown = Array.isArray(chunk['choices']) ? chunk['choices'][0] : undefined;
  if (isObject(choice)) {
    const delta = isObject(choice['delta']) ? choice['delta'] : {};
    const reasoning = text(delta['reasoning_content']);
    if (reasoning) yield { kind: 'reasoning', text: reasoning };
    const content = text(delta['content']);
    if (content) yield { kind: 'text', text: content };
    if (typeof choice['finish_reason'] === 'string') {
      yield { kind: 'finish', reason: finishReason(choice['finish_reason']) };
    }
  }
  if (isObject(chunk['usage'])) yield { kind: 'usage', usage: usageOf(chunk, chunk['usage']) };
}

function advisedTemperature(sampling: unknown): number | null {
  const value = isObject(sampling) ? sampling['temperature'] : null;
  return typeof value === 'number' && value >= 0 ? value : null;
}

function finishReason(wire: string): FinishReason {
  return wire === 'stop' || wire === 'length' ? wire : 'other';
}

// "timings" and "seed" stand beside "usage": Fathom's own, absent from other servers.
function usageOf(chunk: Json, usage: Json): Usage {
  const timings = isObject(chunk['timings']) ? chunk['timings'] : {};
  const seed = chunk['seed'];
  const details = isObject(usage['prompt_tokens_details']) ? usage['prompt_tokens_details'] : {};
  return {
    promptTokens: count(usage['prompt_tokens']),
    cachedTokens: count(details['cached_tokens'] ?? usage['prompt_cache_hit_tokens']),
    completionTokens: count(usage['completion_tokens']),
    tokensPerSecond: positive(timings['decode_tokens_per_second']),
    prefillSeconds: positive(timings['prefill_seconds']),
    seed: typeof seed === 'number' && Number.isSafeInteger(seed) ? seed : null,
  };
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function count(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0 ? value : 0;
}

function positive(value: unknown): number | null {
  return count(value) || null;
}

function text(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}
