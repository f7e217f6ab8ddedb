// Runs a piece of rendering at most once a frame, and less often when it is slow, so that a long
// reply never takes the page's whole time. The last request always runs in the end.

export interface Clock {
  now(): number; // milliseconds
  nextFrame(run: () => void): number;
  cancelFrame(id: number): void;
}

const browserClock: Clock = {
  now: () => performance.now(),
  nextFrame: (run) => requestAnimationFrame(run),
  cancelFrame: (id) => cancelAnimationFrame(id),
};

// Rendering may take one part in this many of the time.
const kShare = 4;

export class FrameThrottle {
  private frame: number | null = null;
  private resting = 0; // no run before this time

  constructor(
    private readonly run: () => void,
    private readonly clock: Clock = browserClock,
  ) {}

  // Asks for a run at the next free frame; any number of requests until then are one.
  request(): void {
    this.frame ??= this.clock.nextFrame(this.onFrame);
  }

  // Runs now, whether asked for or not, and drops what was pending.
  flush(): void {
    this.cancel();
    this.work();
  }

  cancel(): void {
    if (this.frame !== null) this.clock.cancelFrame(this.frame);
    this.frame = null;
  }

  private readonly onFrame = (): void => {
    this.frame = null;
    if (this.clock.now() < this.resting) this.request();
    else this.work();
  };

  private work(): void {
    const start = this.clock.now();
    this.run();
    const end = this.clock.now();
    this.resting = end + (end - start) * (kShare - 1);
  }
}
