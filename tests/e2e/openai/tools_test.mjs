// Tools as the OpenAI client for Node uses them, with a model that calls one (tool_model.py). Needs
// FATHOM_PROGRAM, FATHOM_TOOL_MODEL and OPENAI_FOLDER; run.sh sets them.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { OpenAI, clientOf, serve } from './server.mjs';

const tools = [{
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'The weather in a place.',
    parameters: {
      type: 'object',
      properties: { place: { type: 'string' }, days: { type: 'integer' } },
      required: ['place'],
    },
  },
}];
const argumentsText = '{"place": "Köln", "days": 2}';
const question = [{ role: 'user', content: 'How is the weather in Köln?' }];
const options = { model: 'default', messages: question, tools, temperature: 0 };

let server;
let client;

before(async () => {
  server = await serve(process.env.FATHOM_TOOL_MODEL);
  client = clientOf(server.address);
});
after(async () => { assert.equal(await server.stop(), 0); });

test('a call', async () => {
  const [choice] = (await client.chat.completions.create(options)).choices;
  assert.equal(choice.finish_reason, 'tool_calls');
  assert.equal(choice.message.content, 'Let me look.');
  assert.equal(choice.message.tool_calls.length, 1);
  const [call] = choice.message.tool_calls;
  assert.match(call.id, /^call_./);
  assert.equal(call.type, 'function');
  assert.deepEqual(call.function, { name: 'get_weather', arguments: argumentsText });
});

test('its result is answered, and what was computed before is used again', async () => {
  const { message } = (await client.chat.completions.create(options)).choices[0];
  const reply = await client.chat.completions.create({
    ...options,
    messages: [...question, message,
      { role: 'tool', tool_call_id: message.tool_calls[0].id, content: 'sunny' }],
  });
  assert.equal(reply.choices[0].message.content, 'It is sunny.');
  assert.equal(reply.choices[0].message.tool_calls, undefined);
  assert.equal(reply.choices[0].finish_reason, 'stop');
  assert.ok(reply.usage.prompt_cache_hit_tokens > 100, 'the prompt goes on from the call');
});

test('by stream: the name first, then the arguments', async () => {
  const deltas = [];
  let finish = null;
  let content = '';
  for await (const chunk of await client.chat.completions.create({ ...options, stream: true })) {
    const [choice] = chunk.choices;
    content += choice.delta.content ?? '';
    deltas.push(...choice.delta.tool_calls ?? []);
    finish = choice.finish_reason ?? finish;
  }
  assert.equal(content, 'Let me look.');
  assert.equal(finish, 'tool_calls');
  assert.deepEqual(deltas.map((delta) => delta.index), [0, 0]);
  assert.match(deltas[0].id, /^call_./);
  assert.equal(deltas[0].type, 'function');
  assert.deepEqual(deltas[0].function, { name: 'get_weather', arguments: '' });
  assert.equal(deltas[1].id, undefined);
  assert.deepEqual(deltas[1].function, { arguments: argumentsText });

  const whole = await client.chat.completions.stream(options).finalChatCompletion();
  assert.equal(whole.choices[0].message.tool_calls[0].function.arguments, argumentsText);
});

test('the client runs the tool and gets the answer', async () => {
  const asked = [];
  const weather = ({ place, days }) => {
    asked.push([place, days]);
    return 'sunny';
  };
  const runner = client.chat.completions.runTools({
    ...options,
    tools: [{ type: 'function',
      function: { ...tools[0].function, function: weather, parse: JSON.parse } }],
  });
  assert.equal(await runner.finalContent(), 'It is sunny.');
  assert.deepEqual(asked, [['Köln', 2]]);
});

test('what cannot be done is said', async () => {
  const refused = async (fields, param) => assert.rejects(
    client.chat.completions.create({ ...options, ...fields }), (error) => {
      assert.ok(error instanceof OpenAI.BadRequestError);
      assert.equal(error.param, param);
      return true;
    });
  await refused({ tool_choice: 'required' }, 'tool_choice');
  await refused({ tools: [{ type: 'function', function: { name: 'a b' } }] }, 'tools[0].function.name');
  await refused({ messages: [...question, { role: 'tool', tool_call_id: 'x', content: 'y' }] },
    'messages[1].role');
});
