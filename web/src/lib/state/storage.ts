// What the browser keeps for the page. Everything read back is checked by its owner: it may come from
// an older page, another tab or a curious hand. A full or forbidden storage is no error; the page
// then forgets on reload.

export interface Slot<T> {
  load(): T | null;
  save(value: T): void;
  clear(): void;
}

// One named JSON value. `parse` turns what was stored into a T, or null when it is not one. Where
// `stores` has several, all are written and the first that has the value is read.
export function slot<T>(
  name: string,
  parse: (value: unknown) => T | null,
  stores: () => Storage[] = () => [localStorage],
): Slot<T> {
  const key = `fathom.${name}`;
  const each = (use: (store: Storage) => void): void => {
    try {
      for (const store of stores()) use(store);
    } catch {
      // Storage is full or switched off.
    }
  };
  return {
    load() {
      let found: T | null = null;
      each((store) => {
        const text = found === null ? store.getItem(key) : null;
        if (text !== null) found = parseJson(text, parse);
      });
      return found;
    },
    save(value) {
      const text = JSON.stringify(value);
      each((store) => store.setItem(key, text));
    },
    clear() {
      each((store) => store.removeItem(key));
    },
  };
}

function parseJson<T>(text: string, parse: (value: unknown) => T | null): T | null {
  try {
    return parse(JSON.parse(text));
  } catch {
    return null;
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
