// How the page is built: one bundle of hashed files below assets/, the fixed names beside it.
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

const server = process.env['FATHOM_URL'] ?? 'http://127.0.0.1:8080';

export default defineConfig({
  plugins: [svelte()],
  // Under vitest, Svelte's browser build is wanted, not the one for server-side rendering.
  resolve: process.env['VITEST'] ? { conditions: ['browser'] } : {},
  build: {
    target: 'es2022',
    outDir: process.env['FATHOM_WEB_OUT'] ?? 'dist',
    emptyOutDir: true,
    // The content security policy allows no data: URLs for scripts or styles.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: {
    // `npm run dev` talks to a running Fathom.
    proxy: Object.fromEntries(
      ['/v1', '/health'].map((path) => [path, { target: server, headers: { origin: server } }]),
    ),
  },
  test: {
    include: ['src/**/*.test.ts'],
    testTimeout: 20_000,
  },
});
