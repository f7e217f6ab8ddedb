// Colours for code. A part of its own that is loaded when the first code block appears.

import hljs from 'highlight.js/lib/core';
import bash from 'highlight.js/lib/languages/bash';
import cpp from 'highlight.js/lib/languages/cpp';
import css from 'highlight.js/lib/languages/css';
import diff from 'highlight.js/lib/languages/diff';
import go from 'highlight.js/lib/languages/go';
import ini from 'highlight.js/lib/languages/ini';
import java from 'highlight.js/lib/languages/java';
import javascript from 'highlight.js/lib/languages/javascript';
import json from 'highlight.js/lib/languages/json';
import python from 'highlight.js/lib/languages/python';
import rust from 'highlight.js/lib/languages/rust';
import sql from 'highlight.js/lib/languages/sql';
import typescript from 'highlight.js/lib/languages/typescript';
import xml from 'highlight.js/lib/languages/xml';
import yaml from 'highlight.js/lib/languages/yaml';
import { sanitize } from './sanitize';

const kLanguages = {
  ...{ bash, cpp, css, diff, go, ini, java, javascript, json, python, rust, sql, typescript },
  ...{ xml, yaml },
};
for (const [name, language] of Object.entries(kLanguages)) hljs.registerLanguage(name, language);

// Above this, colours would cost more time than they are worth.
const kMaxChars = 100_000;

// The code as a fragment of spans, or null where there are no colours for it.
export function highlight(code: string, language: string): DocumentFragment | null {
  if (code.length > kMaxChars || !hljs.getLanguage(language)) return null;
  return sanitize(hljs.highlight(code, { language, ignoreIllegals: true }).value);
}
