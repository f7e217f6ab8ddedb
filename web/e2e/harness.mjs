// What every browser test does: a fresh page that must log no error, break no policy and ask no other
// host; and the words for its parts.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const kAxe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

// Runs `act` with a new page at `url`, in a context of its own with these options, and checks that
// the page behaved. `allow`: messages in the console that the test provokes.
export async function withPage(browser, url, options, act, allow = null) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  context.setDefaultTimeout(20_000);
  const complaints = [];
  const foreign = [];
  await context.route('**/*', (route) => {
    const target = route.request().url();
    if (target.startsWith(new URL(url).origin)) return route.continue();
    foreign.push(target);
    return route.abort();
  });
  const page = await context.newPage();
  page.on('console', (message) => {
    const text = message.text();
    if (['error', 'warning'].includes(message.type()) && !allow?.test(text)) complaints.push(text);
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  try {
    await page.goto(url);
    await act(new Page(page));
    assert.deepEqual(complaints, [], 'the console of the page');
    assert.deepEqual(foreign, [], 'requests to other hosts');
  } finally {
    await context.close();
  }
}

export class Page {
  constructor(page) {
    this.page = page;
    this.box = page.getByRole('textbox', { name: 'Message' });
    this.send = page.getByRole('button', { name: 'Send' });
    this.stop = page.getByRole('button', { name: 'Stop' });
    this.again = page.getByRole('button', { name: 'Write another reply' });
    this.replies = page.getByRole('article', { name: 'Fathom’s reply' });
    this.questions = page.getByRole('article', { name: 'Your message' });
    this.alert = page.getByRole('alert');
    this.badge = page.locator('.badge');
  }

  // Waits until the server's model is known: before that nothing can be sent.
  async ready() {
    await this.page.locator('.badge[data-phase=ready]').waitFor();
  }

  async ask(text) {
    await this.ready();
    await this.box.fill(text);
    await this.box.press('Enter');
  }

  // Asks and waits for the whole reply; its text.
  async askAndWait(text) {
    await this.ask(text);
    await this.again.waitFor({ timeout: 120_000 });
    return this.lastReply();
  }

  lastReply() {
    return this.replies.last().locator('.prose').innerText();
  }

  // Accessibility violations, each with where it is.
  async violations() {
    // Into the page's own world, past its content policy: evaluate() is the debugger's.
    await this.page.evaluate(kAxe);
    return this.page.evaluate(async () => {
      const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
      // Which levels the headings of a reply have is up to the model.
      const rules = { 'heading-order': { enabled: false } };
      const result = await window.axe.run(document, { runOnly: tags, rules });
      return result.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(' | ')}`);
    });
  }

  // How much wider the page, or anything that is seen of it, is than the window.
  overflow() {
    return this.page.evaluate(() => {
      const width = document.documentElement.clientWidth;
      const wide = [...document.querySelectorAll('body *')].filter((element) => {
        const { left, right, width: w } = element.getBoundingClientRect();
        if (w === 0 || (left >= -0.5 && right <= width + 0.5)) return false;
        // Inside of something that scrolls or clips on its own it is no matter.
        return !element.parentElement.closest('pre, .table, .sr-only, [aria-hidden], figure');
      });
      return {
        scroll: document.documentElement.scrollWidth - width,
        wide: wide.map((element) => element.outerHTML.slice(0, 120)),
      };
    });
  }
}
