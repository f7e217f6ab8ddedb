import { expect, it } from 'vitest';
import { SpokenText } from './spoken';

it('says whole sentences, each once, whatever the pieces', () => {
  const text = 'The sea is deep. How deep? 3.5 miles, "or more." Yes\n- one\n- two and the end';
  for (let step = 1; step <= text.length; step++) {
    const spoken = new SpokenText();
    const said: string[] = [];
    for (let end = step; end < text.length; end += step) {
      const piece = spoken.next(text.slice(0, end), false);
      if (piece) said.push(piece);
    }
    said.push(spoken.next(text, true));
    expect(said.join(' ').replace(/\s+/g, ' ')).toBe(text.replace(/\s+/g, ' '));
    for (const piece of said.slice(0, -1)) expect(piece).toMatch(/([.?"]|Yes|one)$/);
  }
});

it('knows the full stops of Chinese', () => {
  const spoken = new SpokenText();
  expect(spoken.next('海很深。真的', false)).toBe('海很深。');
  expect(spoken.next('海很深。真的', false)).toBe('');
  expect(spoken.next('海很深。真的', true)).toBe('真的');
});
