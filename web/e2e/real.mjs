// The page that a running Fathom serves, with its real model: a typed question is answered in a stream,
// as the API answers it; the next turn is read from the cache; stop; the same reply for the same seed.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { openBrowser } from './browser.mjs';
import { withPage } from './harness.mjs';

const { FATHOM_PROGRAM, FATHOM_MODEL } = process.env;
let url = process.env.FATHOM_URL;
let program;
let opened;

before(async () => {
  if (!url) url = await startProgram();
  opened = await openBrowser();
});

after(async () => {
  await opened?.close();
  if (!program) return;
  program.kill('SIGTERM');
  if (program.exitCode === null) await once(program, 'exit');
});

// Starts the server on a free port; its address, which it prints when it listens.
async function startProgram() {
  const flags = ['serve', '--model', FATHOM_MODEL, '--port', '0', '--ctx', '2048'];
  program = spawn(FATHOM_PROGRAM, flags, { stdio: ['ignore', 'pipe', 'pipe'] });
  let printed = '';
  for (const stream of [program.stdout, program.stderr]) {
    stream.on('data', (data) => (printed += data));
  }
  for (const end = Date.now() + 60_000; Date.now() < end && program.exitCode === null; ) {
    const address = /http:\/\/[\d.]+:\d+/.exec(printed)?.[0];
    if (address) return address;
    await new Promise((done) => setTimeout(done, 50));
  }
  throw new Error(`the server did not start: ${printed}`);
}

const withUi = (act, allow = null) => withPage(opened.browser, url, {}, act, allow);

async function settings(ui, values) {
  await ui.page.getByRole('button', { name: 'Settings' }).click();
  for (const [label, value] of Object.entries(values)) await ui.page.getByLabel(label).fill(value);
  await ui.page.getByRole('button', { name: 'Close settings' }).click();
}

// What the API answers by itself.
async function askApi(body) {
  const response = await fetch(`${url.replace(/\/$/, '')}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'default', temperature: 0, ...body }),
  });
  assert.equal(response.status, 200);
  return (await response.json()).choices[0].message.content;
}

test('a typed question is answered in a stream, and the next turn reads from the cache', async () => {
  await withUi(async (ui) => {
    await ui.ready();
    await settings(ui, { Temperature: '0', 'Longest reply': '48' });
    const question = 'What are the three states of matter?';
    await ui.ask(question);
    await ui.replies.last().locator('.prose').waitFor();
    const early = await ui.lastReply();
    await ui.again.waitFor({ timeout: 120_000 });
    const reply = await ui.lastReply();
    assert.ok(reply.length > early.length, 'words were shown before the reply was whole');
    const whole = await askApi({ messages: [{ role: 'user', content: question }], max_tokens: 48 });
    const words = (text) => text.match(/\p{L}+/gu);
    assert.deepEqual(words(reply), words(whole));

    await ui.askAndWait('Name one of them.');
    await ui.replies.last().hover();
    assert.match(await ui.page.locator('.stats').last().innerText(), /tokens\/s · .*cached/);
    await ui.page.reload();
    assert.equal(await ui.replies.count(), 2);
    assert.deepEqual(await ui.violations(), []);
  });
});

test('a reply can be stopped, and the server goes on with the next', async () => {
  await withUi(async (ui) => {
    await ui.ask('Write a very long story about a ship, in twenty chapters.');
    await ui.replies.last().locator('.prose').waitFor();
    await ui.stop.click();
    await ui.again.waitFor();
    await settings(ui, { 'Longest reply': '8' });
    assert.notEqual(await ui.askAndWait('Say hello.'), '');
  });
});

test('the same seed gives the same reply', async () => {
  await withUi(async (ui) => {
    await ui.ready();
    await settings(ui, { Temperature: '1', Seed: '42', 'Longest reply': '24' });
    const first = await ui.askAndWait('Tell me something about the sea.');
    await ui.again.click();
    await ui.stop.waitFor();
    await ui.again.waitFor();
    assert.equal(await ui.lastReply(), first);
  });
});
