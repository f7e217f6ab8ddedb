import { expect, it } from 'vitest';
import { sendsMessage, type KeyPress } from './keys';

const press = (over: Partial<KeyPress>): KeyPress => {
  return { key: 'Enter', shiftKey: false, isComposing: false, keyCode: 13, ...over };
};

it('sends on Enter alone', () => {
  expect(sendsMessage(press({}), false)).toBe(true);
  expect(sendsMessage(press({ shiftKey: true }), false)).toBe(false);
  expect(sendsMessage(press({ key: 'a', keyCode: 65 }), false)).toBe(false);
});

it('does not send while an input method composes', () => {
  expect(sendsMessage(press({ isComposing: true }), false)).toBe(false);
  expect(sendsMessage(press({ keyCode: 229 }), false)).toBe(false);
});

it('makes a new line on touch devices', () => {
  expect(sendsMessage(press({}), true)).toBe(false);
});
