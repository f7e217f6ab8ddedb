// The one gate between text from a model and the page: HTML text in, a fragment that holds only what
// is listed here out. Nothing else in the page turns text into elements.

import DOMPurify from 'dompurify';

const kTags = [
  ...['p', 'h3', 'h4', 'h5', 'h6', 'ul', 'ol', 'li', 'blockquote', 'pre', 'code', 'hr', 'br'],
  ...['table', 'thead', 'tbody', 'tr', 'th', 'td', 'a', 'em', 'strong', 's', 'span'],
];
// No id or name (they would shadow the document's properties), no style, no handlers.
const kAttributes = ['href', 'title', 'start', 'class'];
const kClasses = /^(?:language-|align-|hljs(?:-|$)|[a-z]+_$)/;
const kLinks = /^(?:https?|mailto):/i;

const purify = DOMPurify(window);

purify.addHook('uponSanitizeAttribute', (_node, attribute) => {
  if (attribute.attrName !== 'class') return;
  const kept = attribute.attrValue.split(/\s+/).filter((name) => kClasses.test(name));
  attribute.attrValue = kept.join(' ');
  attribute.keepAttr = kept.length > 0;
});

purify.addHook('afterSanitizeAttributes', (node) => {
  if (node.nodeName !== 'A' || !node.hasAttribute('href')) return;
  node.setAttribute('target', '_blank');
  node.setAttribute('rel', 'noopener noreferrer nofollow');
});

export function sanitize(html: string): DocumentFragment {
  return purify.sanitize(html, {
    ALLOWED_TAGS: kTags,
    ALLOWED_ATTR: kAttributes,
    ALLOWED_URI_REGEXP: kLinks,
    ADD_URI_SAFE_ATTR: ['start'], // a number
    ALLOW_ARIA_ATTR: false,
    ALLOW_DATA_ATTR: false,
    RETURN_DOM_FRAGMENT: true,
  });
}
