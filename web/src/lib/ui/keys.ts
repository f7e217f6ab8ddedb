// What Enter means in the message box.

export interface KeyPress {
  key: string;
  shiftKey: boolean;
  isComposing: boolean;
  keyCode: number;
}

// Enter sends; with Shift it is a new line. While an input method composes, Enter picks a candidate:
// isComposing says so, except in Safari, which ends the composition first and sends keyCode 229.
// A touch keyboard has no Shift+Enter at hand, so there Enter is always a new line.
export function sendsMessage(press: KeyPress, touch: boolean): boolean {
  if (press.key !== 'Enter' || press.shiftKey || touch) return false;
  return !press.isComposing && press.keyCode !== 229;
}

export function isTouchDevice(): boolean {
  return matchMedia('(pointer: coarse) and (hover: none)').matches;
}
