// A small server with Fathom's API and page headers, for the browser tests: it answers what the last
// message asks for (see kScripts), and remembers what it was sent.

import { createReadStream, existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { kMarkdown, kHostile } from './replies.mjs';

// Fathom's own policy (src/server/site.cc), and Trusted Types besides: a stricter page than needed,
// so that no string ever becomes elements except through the sanitiser.
const kPolicy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
  "font-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
  "require-trusted-types-for 'script'; trusted-types svelte-trusted-html dompurify";

const kTypes = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

// By the first word of the last message: what the reply is and how it comes.
const kScripts = {
  markdown: { text: kMarkdown },
  hostile: { text: kHostile },
  slow: { text: 'one two three four five six seven '.repeat(400), delay: 20 },
  long: { text: 'A line of the long reply.\n\n'.repeat(120), delay: 2 },
  pause: { text: 'Here at last.', before: 2500 },
  cut: { text: 'This reply breaks off in the middle of', cut: true },
  limit: { text: 'Only this far', finish: 'length' },
  broken: { text: 'Some words, then', error: 'the model ran out of memory' },
};

export class MockServer {
  requests = []; // the bodies of the chat requests, oldest first
  cancelled = 0; // replies whose reader went away
  contextLength = 2048;
  key = ''; // when set, the API asks for it
  model = 'SmolLM2-135M-Instruct';
  fail = null; // {status, body}: what every chat request is answered with

  constructor(dist) {
    this.dist = dist;
    this.sockets = new Set();
    this.server = createServer((request, response) => this.#answer(request, response));
    this.server.on('connection', (socket) => {
      this.sockets.add(socket);
      socket.on('close', () => this.sockets.delete(socket));
    });
  }

  async start(port = 0) {
    await new Promise((done) => this.server.listen(port, '127.0.0.1', done));
    this.port = this.server.address().port;
    this.url = `http://127.0.0.1:${this.port}/`;
  }

  async stop() {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((done) => this.server.close(done));
  }

  #answer(request, response) {
    const path = new URL(request.url, 'http://x').pathname;
    const locked = this.key && request.headers.authorization !== `Bearer ${this.key}`;
    if (path === '/health') {
      const full = { version: '0.1.0', kernels: 'avx2', threads: 2, memory: { resident_bytes: 2e8 } };
      return json(response, 200, { status: 'ok', ...(locked ? {} : full) });
    }
    if (path.startsWith('/v1/') && locked) {
      return json(response, 401, { error: { message: 'this server asks for a key', code: 'invalid_api_key' } });
    }
    if (path === '/v1/models') {
      const row = { id: this.model, object: 'model', context_length: this.contextLength };
      return json(response, 200, { object: 'list', data: this.model ? [row] : [] });
    }
    if (path === '/v1/chat/completions') return this.#chat(request, response);
    return this.#file(path === '/' ? '/index.html' : path, response);
  }

  #file(path, response) {
    const file = join(this.dist, normalize(path));
    if (!existsSync(file)) return json(response, 404, { error: { message: `nothing at ${path}` } });
    response.writeHead(200, {
      'content-type': kTypes[extname(file)],
      'content-security-policy': kPolicy,
      'cross-origin-opener-policy': 'same-origin',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
    });
    createReadStream(file).pipe(response);
  }

  async #chat(request, response) {
    let body = '';
    for await (const part of request) body += part;
    const asked = JSON.parse(body);
    this.requests.push(asked);
    if (this.fail) return json(response, this.fail.status, this.fail.body);

    const last = asked.messages.at(-1).content;
    const script = kScripts[last.split(' ')[0]] ?? { text: `You wrote: ${last}` };
    const { text, delay = 4, before = 0, finish = 'stop' } = script;
    let gone = false;
    response.on('close', () => {
      gone = !response.writableEnded;
      if (gone) this.cancelled++;
    });
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.flushHeaders();
    const send = (data) => response.write(`data: ${JSON.stringify(data)}\n\n`);
    const chunk = (delta, reason = null) =>
      send({ object: 'chat.completion.chunk', choices: [{ index: 0, delta, finish_reason: reason }] });
    await pause(before);
    chunk({ role: 'assistant', content: '' });
    const tokens = text.match(/\s*\S{1,6}|\s+/g);
    for (const token of tokens) {
      if (gone) return;
      chunk({ content: token });
      await pause(delay);
    }
    if (script.cut) {
      await pause(200); // a browser drops what it has not handed out when a connection breaks
      return response.destroy();
    }
    if (script.error) {
      send({ error: { message: script.error, type: 'server_error', code: 'out_of_memory' } });
      return response.end('data: [DONE]\n\n');
    }
    chunk({}, finish);
    const prompt = Math.ceil(body.length / 4);
    send({
      choices: [],
      usage: {
        prompt_tokens: prompt,
        completion_tokens: tokens.length,
        prompt_tokens_details: { cached_tokens: asked.messages.length > 2 ? 48 : 0 },
      },
      timings: { decode_tokens_per_second: 61.5, prefill_seconds: 0.04 },
      seed: asked.seed ?? 7,
    });
    response.end('data: [DONE]\n\n');
  }
}

function json(response, status, body) {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

function pause(ms) {
  return new Promise((done) => setTimeout(done, ms));
}
