// The API as the OpenAI client for Node sees it. Needs FATHOM_PROGRAM, FATHOM_MODEL and OPENAI_FOLDER
// (where the client is installed); run.sh sets them. Starts and stops servers of its own.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, before, test } from 'node:test';

import { OpenAI, clientOf, serve } from './server.mjs';

const { FATHOM_MODEL } = process.env;

const question = [{ role: 'user', content: 'What is the capital of France?' }];

let server;
let client;
let model;

before(async () => {
  server = await serve(FATHOM_MODEL);
  client = clientOf(server.address);
  model = (await client.models.list()).data[0].id;
});
after(async () => { assert.equal(await server.stop(), 0); });

const health = async () => (await fetch(`${server.address}/health`)).json();

async function until(condition, what) {
  for (let i = 0; i < 200; ++i) {
    if (await condition()) return;
    await sleep(50);
  }
  assert.fail(`never: ${what}`);
}

test('models', async () => {
  const all = [];
  for await (const one of client.models.list()) all.push(one);
  assert.equal(all.length, 1);
  assert.equal(all[0].object, 'model');
  assert.deepEqual(await client.models.retrieve(model), all[0]);
  await assert.rejects(client.models.retrieve('gpt-9'), OpenAI.NotFoundError);
});

test('chat', async () => {
  const reply = await client.chat.completions.create(
    { model, messages: question, temperature: 0, max_tokens: 24 });
  assert.equal(reply.object, 'chat.completion');
  assert.equal(reply.model, model);
  assert.match(reply.system_fingerprint, /^fp_./);
  assert.equal(reply.choices[0].message.role, 'assistant');
  assert.ok(reply.choices[0].message.content.length > 0);
  assert.ok(['stop', 'length'].includes(reply.choices[0].finish_reason));
  const { usage } = reply;
  assert.ok(usage.completion_tokens >= 1 && usage.completion_tokens <= 24);
  assert.equal(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens);
  assert.equal(usage.prompt_cache_hit_tokens, usage.prompt_tokens_details.cached_tokens);
  assert.ok(reply.timings.decode_seconds >= 0);
});

test('the same by stream, with usage in a last chunk', async () => {
  const options = { model, messages: question, temperature: 0, max_tokens: 24 };
  const whole = await client.chat.completions.create(options);
  const stream = await client.chat.completions.create(
    { ...options, stream: true, stream_options: { include_usage: true } });
  let text = '';
  let finish = null;
  let usage = null;
  let first = true;
  for await (const chunk of stream) {
    assert.equal(chunk.object, 'chat.completion.chunk');
    if (chunk.choices.length === 0) {
      usage = chunk.usage;
      continue;
    }
    assert.equal(chunk.usage, null);
    if (first) assert.equal(chunk.choices[0].delta.role, 'assistant');
    first = false;
    text += chunk.choices[0].delta.content ?? '';
    finish = chunk.choices[0].finish_reason ?? finish;
  }
  assert.equal(text, whole.choices[0].message.content);
  assert.equal(finish, whole.choices[0].finish_reason);
  assert.equal(usage.completion_tokens, whole.usage.completion_tokens);
  assert.ok(usage.prompt_cache_hit_tokens > 0, 'the second time the prompt is cached');
});

test('the stream helper puts the reply together', async () => {
  const runner = client.chat.completions.stream(
    { model, messages: question, temperature: 0, max_tokens: 12 });
  const reply = await runner.finalChatCompletion();
  assert.equal(reply.choices[0].message.content, await runner.finalContent());
});

test('without stream_options no chunk has usage', async () => {
  const stream = await client.chat.completions.create(
    { model, messages: question, max_tokens: 4, stream: true });
  for await (const chunk of stream) assert.equal(chunk.usage, undefined);
});

test('logprobs', async () => {
  const reply = await client.chat.completions.create(
    { model, messages: question, temperature: 0, max_tokens: 6, logprobs: true, top_logprobs: 4 });
  const { content } = reply.choices[0].logprobs;
  assert.ok(content.length >= 1);
  assert.equal(Buffer.from(content.flatMap((entry) => entry.bytes)).toString(),
    reply.choices[0].message.content);
  for (const entry of content) {
    assert.ok(entry.logprob <= 0);
    assert.equal(Buffer.from(entry.bytes).toString(), entry.token);
    assert.equal(entry.top_logprobs.length, 4);
    assert.equal(entry.top_logprobs[0].token, entry.token, 'greedy takes the most probable');
    const sorted = [...entry.top_logprobs].sort((a, b) => b.logprob - a.logprob);
    assert.deepEqual(entry.top_logprobs, sorted);
  }
});

test('stop strings are not part of the reply', async () => {
  const options = { model, messages: question, temperature: 0, max_tokens: 24 };
  const whole = (await client.chat.completions.create(options)).choices[0].message.content;
  const stop = whole.slice(4, 9);
  const cut = await client.chat.completions.create({ ...options, stop: [stop, 'never to be seen'] });
  assert.equal(cut.choices[0].message.content, whole.slice(0, whole.indexOf(stop)));
  assert.equal(cut.choices[0].finish_reason, 'stop');
});

test('equal seeds give equal replies, others do not', async () => {
  const ask = async (seed) => (await client.chat.completions.create(
    { model, messages: question, temperature: 1.5, max_tokens: 32, seed })).choices[0].message.content;
  const first = await ask(11);
  assert.equal(await ask(11), first);
  assert.notEqual(await ask(12), first);
});

test('several choices', async () => {
  const reply = await client.chat.completions.create(
    { model, messages: question, temperature: 1.5, max_tokens: 16, seed: 3, n: 3 });
  assert.deepEqual(reply.choices.map((choice) => choice.index), [0, 1, 2]);
  assert.equal(new Set(reply.choices.map((choice) => choice.message.content)).size, 3);
});

test('a client that aborts cancels its work', async () => {
  const stream = await client.chat.completions.create(
    { model, messages: question, stream: true, ignore_eos: true });
  for await (const chunk of stream) {
    if (chunk.choices[0].delta.content) break;  // leaves the loop and aborts
  }
  await until(async () => (await health()).running === 0, 'the abandoned stream ended');

  const abort = new AbortController();
  const pending = client.chat.completions.create(
    { model, messages: question, ignore_eos: true }, { signal: abort.signal });
  await until(async () => (await health()).running === 1, 'the reply began');
  abort.abort();
  await assert.rejects(pending, OpenAI.APIUserAbortError);
  await until(async () => (await health()).running === 0, 'the abandoned reply ended');
});

test('errors are the classes the client knows', async () => {
  const ask = (fields) => client.chat.completions.create({ model, messages: question, ...fields });
  await assert.rejects(ask({ temperature: 9 }), (error) => {
    assert.ok(error instanceof OpenAI.BadRequestError);
    assert.equal(error.param, 'temperature');
    assert.equal(error.type, 'invalid_request_error');
    return true;
  });
  await assert.rejects(ask({ messages: [] }), OpenAI.BadRequestError);
  await assert.rejects(ask({ tools: [{ type: 'function', function: { name: 'f' } }] }),
    /cannot call tools/);
  await assert.rejects(ask({ model: 'gpt-9' }), (error) => {
    assert.ok(error instanceof OpenAI.NotFoundError);
    assert.equal(error.code, 'model_not_found');
    return true;
  });
  await assert.rejects(
    ask({ messages: [{ role: 'user', content: 'word '.repeat(3000) }] }), (error) => {
      assert.ok(error instanceof OpenAI.BadRequestError);
      assert.equal(error.code, 'context_length_exceeded');
      assert.match(error.message, /2048/);
      return true;
    });
});

test('completions', async () => {
  const reply = await client.completions.create(
    { model, prompt: ['The capital of France is', 'One, two, three,'], temperature: 0,
      max_tokens: 8, echo: true, logprobs: 2 });
  assert.equal(reply.object, 'text_completion');
  assert.equal(reply.choices.length, 2);
  assert.ok(reply.choices[0].text.startsWith('The capital of France is'));
  const { tokens, token_logprobs: logprobs, text_offset: offsets } = reply.choices[1].logprobs;
  // A token may be a part of a character, so the texts need not be those of the tokens one by one.
  assert.ok(reply.choices[1].text.startsWith('One, two, three,'));
  assert.ok(tokens.join('').startsWith('One, two, three,'));
  assert.equal(logprobs[0], null);
  assert.ok(logprobs.slice(1).every((logprob) => logprob <= 0));
  offsets.forEach((offset, i) => assert.equal(offset, tokens.slice(0, i).join('').length));

  let text = '';
  const stream = await client.completions.create(
    { model, prompt: 'One, two, three,', temperature: 0, max_tokens: 8, stream: true });
  for await (const chunk of stream) text += chunk.choices[0].text;
  assert.equal('One, two, three,' + text, reply.choices[1].text);
});

test('a server with a key', async () => {
  const guarded = await serve(FATHOM_MODEL, '--api-key', 'right');
  try {
    await assert.rejects(clientOf(guarded.address, 'wrong').models.list(),
      OpenAI.AuthenticationError);
    assert.equal((await clientOf(guarded.address, 'right').models.list()).data.length, 1);
  } finally {
    await guarded.stop();
  }
});
