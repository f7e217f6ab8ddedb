// The page that a running Fathom serves, with its real model: a question typed and answered, another
// turn that is read from the cache, stop, and the same reply for the same seed.

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

test('a typed question is answered, and the next turn reads from the cache', async () => {
  await withUi(async (ui) => {
    await ui.ready();
    await settings(ui, { Temperature: '0', 'Longest reply': '48' });
    const answer = await ui.askAndWait('What is the capital of France?');
    assert.match(answer, /Paris/);
    await ui.askAndWait('And what is the capital of Italy?');
    await ui.replies.last().hover();
    const stats = await ui.page.locator('.stats').last().innerText();
    assert.match(stats, /tokens\/s · \d+ tokens?/);
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
