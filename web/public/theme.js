// Applies the kept theme before the first paint. Runs in the head, so it is tiny and a file of its
// own: the page's policy allows no inline script. src/lib/state/theme.svelte.ts does the rest.
try {
  const theme = localStorage.getItem('fathom.theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
} catch {
  // Storage is switched off: the system's theme it is.
}
