// The page against the mock server: one test a feature.

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { openBrowser } from './browser.mjs';
import { withPage } from './harness.mjs';
import { MockServer } from './mock_server.mjs';

const kPhone = {
  viewport: { width: 360, height: 740 },
  deviceScaleFactor: 2,
  isMobile: true,
  hasTouch: true,
  reducedMotion: 'reduce',
};
// What the browser itself logs when a request fails on purpose.
const kFailedRequest = /^Failed to load resource/;

let server;
let opened;

before(async () => {
  opened = await openBrowser();
});

after(() => opened?.close());

beforeEach(async () => {
  server = new MockServer(process.env.FATHOM_WEB_OUT ?? 'dist');
  await server.start();
});

afterEach(() => server.stop());

const withUi = (act, options = {}, allow = null) =>
  withPage(opened.browser, server.url, options, act, allow);

test('the first load is small and says which model answers', async () => {
  await withUi(async (ui) => {
    await ui.ready();
    assert.match(await ui.badge.innerText(), /SmolLM2-135M-Instruct/);
    await ui.badge.click();
    await ui.page.getByText('2,048 tokens').waitFor();
    await ui.page.keyboard.press('Escape');
    const bytes = await ui.page.evaluate(() =>
      performance.getEntriesByType('resource').reduce((sum, r) => sum + r.decodedBodySize, 0),
    );
    assert.ok(bytes > 50_000 && bytes < 400_000, `${bytes} bytes before compression`);
  });
});

test('sends on Enter, streams the reply and shows its figures', async () => {
  await withUi(async (ui) => {
    await ui.ask('long story');
    await ui.stop.waitFor();
    await ui.page.getByText('A line of the long reply.').first().waitFor();
    assert.equal(await ui.again.count(), 0, 'text shows before the reply is whole');
    assert.equal(await ui.box.inputValue(), '');
    await ui.again.waitFor();
    await ui.replies.last().hover();
    await ui.page.getByText(/62 tokens\/s · \d+ tokens/).waitFor();
    await ui.page.getByText(/of 2,048 tokens/).waitFor();

    assert.equal(await ui.askAndWait('hello'), 'You wrote: hello');
    await ui.page.getByText('48 cached').waitFor();
    const [, second] = server.requests;
    assert.deepEqual(second.messages.map((m) => m.role), ['user', 'assistant', 'user']);
    assert.equal(second.model, 'SmolLM2-135M-Instruct');
    assert.equal(second.stream, true);
  });
});

test('an example question starts a conversation', async () => {
  await withUi(async (ui) => {
    await ui.ready();
    await ui.page.getByRole('button', { name: /reading books/ }).click();
    await ui.again.waitFor();
    assert.match(await ui.questions.first().innerText(), /reading books/);
  });
});

test('Shift+Enter makes a new line; an input method keeps its Enter', async () => {
  await withUi(async (ui) => {
    await ui.ready();
    await ui.box.fill('one');
    await ui.box.press('Shift+Enter');
    await ui.box.pressSequentially('two');
    assert.equal(await ui.box.inputValue(), 'one\ntwo');

    // As Chromium does it: keydown with isComposing; as Safari does: keyCode 229 after the end.
    for (const press of [{ isComposing: true }, { keyCode: 229 }]) {
      const prevented = await ui.box.evaluate((box, init) => {
        const event = new KeyboardEvent('keydown', {
          key: 'Enter', bubbles: true, cancelable: true, ...init,
        });
        return !box.dispatchEvent(event);
      }, press);
      assert.equal(prevented, false);
    }
    const composition = await ui.page.context().newCDPSession(ui.page);
    await composition.send('Input.imeSetComposition', { text: 'にほん', selectionStart: 3, selectionEnd: 3 });
    await ui.page.keyboard.press('Enter');
    assert.equal(server.requests.length, 0);

    await ui.box.fill('sent');
    await ui.box.press('Enter');
    await ui.again.waitFor();
    assert.equal(server.requests.length, 1);
  });
});

test('on a phone Enter is a new line, the button sends, and nothing is wider than the screen', async () => {
  await withUi(
    async (ui) => {
      await ui.ready();
      assert.deepEqual(await ui.overflow(), { scroll: 0, wide: [] });
      await ui.box.fill('markdown please');
      await ui.box.press('Enter');
      assert.equal(server.requests.length, 0);
      await ui.send.tap();
      await ui.again.waitFor();
      assert.deepEqual(await ui.overflow(), { scroll: 0, wide: [] });
      await ui.page.getByRole('button', { name: 'Settings' }).tap();
      assert.deepEqual(await ui.overflow(), { scroll: 0, wide: [] });
      await ui.page.getByRole('button', { name: 'Close settings' }).tap();
      const short = { ...kPhone.viewport, height: 380 }; // with the keyboard up
      await ui.page.setViewportSize(short);
      assert.ok(await ui.box.isVisible());
      const { y, height } = await ui.box.boundingBox();
      assert.ok(y + height <= short.height, 'the message box stays above the keyboard');
    },
    kPhone,
  );
});

test('the stop button ends the reply here and on the server', async () => {
  await withUi(async (ui) => {
    await ui.ask('slow words');
    await ui.page.getByText('three four').first().waitFor();
    await ui.stop.click();
    await ui.page.getByText('Stopped').waitFor();
    const text = await ui.lastReply();
    await waitFor(() => server.cancelled === 1);
    await ui.page.waitForTimeout(200);
    assert.equal(await ui.lastReply(), text);

    await ui.ask('slow words');
    await ui.page.getByText('three four').last().waitFor();
    await ui.box.press('Escape');
    await waitFor(() => server.cancelled === 2);
    await ui.again.waitFor();
  });
});

test('Markdown: code with colours and a copy button, tables, lists, links', async () => {
  await withUi(
    async (ui) => {
      await ui.askAndWait('markdown please');
      const reply = ui.replies.last();
      const code = reply.locator('figure.code');
      await code.locator('.hljs-keyword').first().waitFor();
      await code.getByRole('button', { name: 'Copy' }).click();
      await code.getByRole('button', { name: 'Copied' }).waitFor();
      const copied = await ui.page.evaluate(() => navigator.clipboard.readText());
      assert.match(copied, /^def reverse\(text: str\) -> str:\n {4}"""Return/);
      assert.equal(await reply.locator('table tbody tr').count(), 3);
      assert.equal(await reply.locator('ol > li').count(), 3);
      assert.equal(await reply.locator('ol ul > li').count(), 2);
      const link = reply.getByRole('link', { name: 'documentation' });
      assert.equal(await link.getAttribute('rel'), 'noopener noreferrer nofollow');

      await reply.getByRole('button', { name: 'Copy reply' }).click();
      const all = await ui.page.evaluate(() => navigator.clipboard.readText());
      assert.match(all, /^Reversing a string.*\n\n## Two ways/);
    },
    { permissions: ['clipboard-read', 'clipboard-write'] },
  );
});

test('nothing in a hostile reply runs, loads or covers the page', async () => {
  await withUi(async (ui) => {
    const text = await ui.askAndWait('hostile reply');
    assert.match(text, /^Hostile text follows/);
    assert.match(text, /End of the hostile text\.$/);
    for (const link of await ui.replies.last().locator('a').all()) {
      assert.match((await link.getAttribute('href')) ?? 'https:', /^https?:/);
    }
    await ui.replies.last().locator('a').first().hover();
    await ui.page.reload();
    await ui.replies.last().waitFor();
    assert.equal(await ui.page.evaluate(() => window.hacked), undefined);
    assert.equal(await ui.page.locator('#cover, iframe, form[action], img[src^=http]').count(), 0);
    assert.ok(await ui.box.isVisible());
  });
});

test('a failed reply says what to do, and trying again does it', async () => {
  await withUi(
    async (ui) => {
      await ui.ready();
      server.fail = { status: 503, body: { error: { message: 'shutting down', code: 'unavailable' } } };
      await ui.ask('hello');
      await ui.alert.getByText('The server is busy').waitFor();
      await ui.alert.getByText('shutting down').waitFor();
      assert.equal(await ui.questions.count(), 1);
      server.fail = null;
      await ui.alert.getByRole('button', { name: 'Try again' }).click();
      await ui.again.waitFor();
      assert.equal(await ui.alert.count(), 0);
      assert.equal(await ui.lastReply(), 'You wrote: hello');

      await ui.ask('cut here');
      await ui.alert.getByText('The reply was cut off').waitFor();
      assert.match(await ui.lastReply(), /^This reply breaks off/);
      await ui.page.getByText('Cut off', { exact: true }).waitFor();

      await ui.ask('broken in the middle');
      await ui.alert.getByText('the model ran out of memory').waitFor();
      await ui.alert.getByRole('button', { name: 'Dismiss' }).click();
      assert.equal(await ui.alert.count(), 0);

      const overflow = { message: 'the prompt has 3000 tokens', code: 'context_length_exceeded' };
      server.fail = { status: 400, body: { error: overflow } };
      await ui.ask('one more');
      await ui.alert.getByText('longer than the model can read').waitFor();
      assert.deepEqual(await ui.violations(), []);
      await ui.alert.getByRole('button', { name: 'New chat' }).click();
      assert.equal(await ui.questions.count(), 0);
    },
    {},
    kFailedRequest,
  );
});

test('a server that is away, without a model or locked is said, and found again', async () => {
  server.model = '';
  await withUi(
    async (ui) => {
      await ui.page.locator('.badge[data-phase=no-model]').waitFor();
      await ui.box.fill('typed while waiting');
      assert.ok(await ui.send.isDisabled());
      server.key = 'open sesame';
      server.model = 'm';
      await ui.page.locator('.badge[data-phase=locked]').waitFor();
      await ui.page.getByRole('button', { name: 'Settings' }).click();
      await ui.page.getByLabel('API key').fill('open sesame');
      await ui.page.keyboard.press('Tab');
      await ui.page.getByRole('button', { name: 'Close settings' }).click();
      await ui.ready();
      await ui.send.click();
      await ui.again.waitFor();

      const { port } = server;
      await server.stop();
      await ui.ask('anyone there?');
      await ui.alert.getByText('The server cannot be reached').waitFor();
      await ui.page.locator('.badge[data-phase=offline]').waitFor();
      const next = new MockServer(server.dist);
      next.key = server.key;
      await next.start(port);
      server = next;
      await ui.ready();
      await ui.alert.getByRole('button', { name: 'Try again' }).click();
      await ui.again.waitFor();
    },
    {},
    kFailedRequest,
  );
});

test('the conversation, the settings and a stopped reply survive a reload', async () => {
  await withUi(async (ui) => {
    await ui.askAndWait('first words');
    await ui.ask('slow words');
    await ui.page.getByText('three four').first().waitFor();
    await ui.page.reload();
    assert.equal(await ui.questions.count(), 2);
    assert.match(await ui.lastReply(), /^one two three four/);
    await ui.page.getByText('Stopped').waitFor();
    await waitFor(() => server.cancelled === 1);

    await ui.page.getByRole('button', { name: 'Settings' }).click();
    await ui.page.getByLabel('System prompt').fill('Answer in verse.');
    await ui.page.getByLabel('Temperature').fill('0.2');
    await ui.page.getByLabel('Longest reply').fill('64');
    await ui.page.getByLabel('Seed').fill('7');
    await ui.page.getByText('Show speed and tokens').click();
    assert.deepEqual(await ui.violations(), []);
    await ui.page.keyboard.press('Escape');
    await ui.page.reload();
    await ui.askAndWait('hello');
    const sent = server.requests.at(-1);
    assert.deepEqual(sent.messages[0], { role: 'system', content: 'Answer in verse.' });
    assert.deepEqual([sent.temperature, sent.max_tokens, sent.seed], [0.2, 64, 7]);
    assert.equal(await ui.page.locator('.stats.always').count(), 2);

    await ui.page.getByRole('button', { name: 'New chat' }).click();
    assert.equal(await ui.questions.count(), 0);
    await ui.page.getByRole('button', { name: 'Undo' }).click();
    assert.equal(await ui.questions.count(), 3);
    await ui.page.getByRole('button', { name: 'New chat' }).click();
    await ui.page.reload();
    await ui.ready();
    assert.equal(await ui.questions.count(), 0);
  });
});

test('another reply replaces the last one', async () => {
  await withUi(async (ui) => {
    await ui.askAndWait('limit me');
    await ui.page.getByText('Ended at the length limit').waitFor();
    await ui.again.click();
    await waitFor(() => server.requests.length === 2);
    await ui.again.waitFor();
    assert.equal(await ui.replies.count(), 1);
    assert.deepEqual(server.requests[0].messages, server.requests[1].messages);
  });
});

test('dark and light follow the system until one is chosen, and the choice is kept', async () => {
  const background = (ui) =>
    ui.page.evaluate(() => getComputedStyle(document.body).backgroundImage.match(/\d+/g).map(Number)[0]);
  for (const colorScheme of ['light', 'dark']) {
    await withUi(
      async (ui) => {
        assert.equal((await background(ui)) > 128, colorScheme === 'light');
        const button = ui.page.getByRole('button', { name: /Colours/ });
        await button.click(); // light
        assert.ok((await background(ui)) > 128);
        await button.click(); // dark
        assert.ok((await background(ui)) < 128);
        await ui.page.reload();
        assert.ok((await background(ui)) < 128);
        await button.click(); // the system's again
        assert.equal((await background(ui)) > 128, colorScheme === 'light');
      },
      { colorScheme },
    );
  }
});

test('the end stays in view while a reply grows, unless the reader scrolls up', async () => {
  await withUi(async (ui) => {
    const place = () =>
      ui.page.locator('.scroller').evaluate((e) => e.scrollHeight - e.scrollTop - e.clientHeight);
    await ui.askAndWait('long story');
    assert.ok((await place()) < 2, 'at the end');
    await ui.ask('slow words');
    await ui.page.getByText('three four').first().waitFor();
    await ui.page.locator('.scroller').hover();
    await ui.page.mouse.wheel(0, -600);
    await waitFor(async () => (await place()) > 300);
    const before = await ui.page.locator('.scroller').evaluate((e) => e.scrollTop);
    await ui.page.waitForTimeout(500);
    assert.equal(await ui.page.locator('.scroller').evaluate((e) => e.scrollTop), before);
    await ui.page.getByRole('button', { name: 'To the latest message' }).click();
    await waitFor(async () => (await place()) < 50);
    await ui.stop.click();
  });
});

test('old messages are not rendered again while a reply streams', async () => {
  await withUi(async (ui) => {
    await ui.askAndWait('markdown please');
    await ui.replies.first().evaluate((article) => {
      window.changes = 0;
      const count = (records) => (window.changes += records.length);
      new MutationObserver(count).observe(article.querySelector('.prose'), {
        childList: true,
        subtree: true,
        characterData: true,
      });
    });
    await ui.askAndWait('long story');
    assert.equal(await ui.page.evaluate(() => window.changes), 0);
  });
});

test('keyboard only: focus starts in the box, "/" returns to it, everything is reachable', async () => {
  await withUi(async (ui) => {
    await ui.ready();
    const focused = () => ui.page.evaluate(() => document.activeElement.getAttribute('aria-label'));
    assert.equal(await focused(), 'Message');
    await ui.page.keyboard.type('markdown');
    await ui.page.keyboard.press('Enter');
    await ui.again.waitFor();
    const seen = new Set();
    for (let i = 0; i < 30; i++) {
      await ui.page.keyboard.press('Shift+Tab');
      seen.add(await focused());
    }
    for (const name of ['New chat', 'Settings', 'Conversation', 'Copy reply', 'Write another reply']) {
      assert.ok(seen.has(name), `${name} is reached by Tab`);
    }
    await ui.page.getByRole('button', { name: 'Settings' }).focus();
    await ui.page.keyboard.press('/');
    assert.equal(await focused(), 'Message');
  });
});

test('a screen reader hears the reply in whole sentences', async () => {
  await withUi(async (ui) => {
    await ui.askAndWait('markdown please');
    const said = await ui.page.getByRole('log').locator('p').allInnerTexts();
    assert.ok(said.length >= 1);
    assert.match(said.join(' '), /one slice.*That is all there is to it\./s);
  });
});

test('axe finds nothing, in light and dark, empty, waiting, and with a conversation', async () => {
  for (const colorScheme of ['light', 'dark']) {
    for (const options of [{ colorScheme }, { colorScheme, ...kPhone }]) {
      await withUi(
        async (ui) => {
          await ui.ready();
          await ui.page.waitForTimeout(1000); // the chart has faded in
          assert.deepEqual(await ui.violations(), [], 'empty');
          await ui.box.fill('pause here');
          await ui.send.click();
          await ui.page.waitForTimeout(2200);
          assert.deepEqual(await ui.violations(), [], 'waiting');
          await ui.again.waitFor();
          await ui.box.fill('markdown please');
          await ui.send.click();
          await ui.page.getByText('That is all there is').last().waitFor();
          await ui.replies.last().getByRole('button', { name: 'Write another reply' }).waitFor();
          await ui.page.locator('.hljs-keyword').first().waitFor();
          assert.deepEqual(await ui.violations(), [], 'conversation');
          await ui.badge.click();
          assert.deepEqual(await ui.violations(), [], 'details');
        },
        { ...options, reducedMotion: 'reduce' },
      );
    }
  }
});

async function waitFor(condition, ms = 10_000) {
  for (const end = Date.now() + ms; !(await condition()); ) {
    assert.ok(Date.now() < end, 'what was waited for did not come');
    await new Promise((done) => setTimeout(done, 25));
  }
}
