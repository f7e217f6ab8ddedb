// The page's tests in a browser.
//
// By itself: every feature against a mock server with Fathom's API, which serves the built page
// (FATHOM_WEB_OUT, or dist/). With FATHOM_URL=http://127.0.0.1:8080/ a real conversation with the
// Fathom that runs there; with FATHOM_PROGRAM and FATHOM_MODEL, with one that is started for it.
// Exits with 77, which ctest reads as skipped, where there is no browser or no model.

import { findBrowser } from './browser.mjs';

const { FATHOM_URL, FATHOM_PROGRAM, FATHOM_MODEL } = process.env;
const kSkipped = 77;

function skip(why) {
  console.log(`skipped: ${why}`);
  process.exit(kSkipped);
}

if (!findBrowser()) skip('no Chromium; install it, or name one with CHROMIUM=/path/to/it');
if (FATHOM_PROGRAM && !FATHOM_MODEL) skip('FATHOM_MODEL names no model');
await import(FATHOM_URL || FATHOM_PROGRAM ? './real.mjs' : './page.mjs');
