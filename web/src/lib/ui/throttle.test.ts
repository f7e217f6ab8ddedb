import { expect, it } from 'vitest';
import { FrameThrottle, type Clock } from './throttle';

const kFrameMs = 16;

// Time that moves only when told to; frames come every 16 ms.
class TestClock implements Clock {
  time = 0;
  private frames = new Map<number, () => void>();
  private ids = 0;

  now = (): number => this.time;
  nextFrame = (run: () => void): number => {
    this.frames.set(++this.ids, run);
    return this.ids;
  };
  cancelFrame = (id: number): void => void this.frames.delete(id);

  get waiting(): number {
    return this.frames.size;
  }

  frame(): void {
    this.time += kFrameMs;
    const due = [...this.frames.values()];
    this.frames.clear();
    for (const run of due) run();
  }
}

it('makes many requests in one frame one run', () => {
  const clock = new TestClock();
  let runs = 0;
  const throttle = new FrameThrottle(() => runs++, clock);
  for (let i = 0; i < 50; i++) throttle.request();
  expect(runs).toBe(0);
  clock.frame();
  expect(runs).toBe(1);
  clock.frame();
  expect(runs).toBe(1);
  throttle.request();
  clock.frame();
  expect(runs).toBe(2);
});

it('gives slow work a quarter of the time at most, and never drops the last request', () => {
  const clock = new TestClock();
  let spent = 0;
  let wanted = 0;
  let shown = 0;
  const throttle = new FrameThrottle(() => {
    clock.time += 40;
    spent += 40;
    shown = wanted;
  }, clock);
  for (let i = 0; i < 200; i++) {
    wanted++;
    throttle.request();
    clock.frame();
  }
  expect(spent / clock.time).toBeLessThanOrEqual(0.26);
  expect(spent).toBeGreaterThan(0);
  while (clock.waiting > 0) clock.frame();
  expect(shown).toBe(200);
});

it('runs at once when flushed, and drops what was pending', () => {
  const clock = new TestClock();
  let runs = 0;
  const throttle = new FrameThrottle(() => runs++, clock);
  throttle.request();
  throttle.flush();
  expect(runs).toBe(1);
  clock.frame();
  expect(runs).toBe(1);
});

it('does not run after it was cancelled', () => {
  const clock = new TestClock();
  let runs = 0;
  const throttle = new FrameThrottle(() => runs++, clock);
  throttle.request();
  throttle.cancel();
  clock.frame();
  expect(runs).toBe(0);
});
