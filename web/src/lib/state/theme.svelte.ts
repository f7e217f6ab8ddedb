// Light, dark or as the system has it. public/theme.js applies the kept choice before the first
// paint; this changes it. Both know the same key and attribute.

export type Theme = 'system' | 'light' | 'dark';

const kKey = 'fathom.theme';
const kOrder: Theme[] = ['system', 'light', 'dark'];

export class ThemeChoice {
  current = $state<Theme>(read());

  // The next of system, light, dark.
  cycle(): void {
    this.current = kOrder[(kOrder.indexOf(this.current) + 1) % kOrder.length]!;
    const root = document.documentElement;
    if (this.current === 'system') delete root.dataset['theme'];
    else root.dataset['theme'] = this.current;
    try {
      if (this.current === 'system') localStorage.removeItem(kKey);
      else localStorage.setItem(kKey, this.current);
    } catch {
      // Storage is switched off: the choice lasts until the page is closed.
    }
  }
}

function read(): Theme {
  const applied = document.documentElement.dataset['theme'];
  return applied === 'light' || applied === 'dark' ? applied : 'system';
}
