// The page's tests in a browser. Without FATHOM_URL: every feature against a mock server with Fathom's
// API, serving the built page (FATHOM_WEB_OUT, or dist/). With FATHOM_URL=http://127.0.0.1:8080/: a
// real conversation with the Fathom that runs there.

await import(process.env.FATHOM_URL ? './real.mjs' : './page.mjs');
