// Keeps a scrolling element at its end while its content grows, as long as the reader is there.
// Who scrolls up is left alone until they come back down.

export interface AutoScroll {
  toEnd(smooth?: boolean): void;
  destroy(): void;
}

// Nearer to the end than this counts as being there: about two lines of text.
const kNearPixels = 48;

export function autoScroll(
  scroller: HTMLElement,
  content: HTMLElement,
  onFollow: (following: boolean) => void,
): AutoScroll {
  let following = true;
  let lastTop = 0;

  const distance = (): number =>
    scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight;
  const follow = (next: boolean): void => {
    if (next === following) return;
    following = next;
    onFollow(next);
  };
  const toEnd = (smooth = false): void => {
    follow(true);
    const calm = matchMedia('(prefers-reduced-motion: reduce)').matches;
    const behavior = smooth && !calm ? 'smooth' : 'instant';
    scroller.scrollTo({ top: scroller.scrollHeight, behavior });
  };
  const onScroll = (): void => {
    const top = scroller.scrollTop;
    // Going down by itself (smooth scrolling, growth) never loses the end; going up does.
    if (distance() <= kNearPixels) follow(true);
    else if (top < lastTop) follow(false);
    lastTop = top;
  };
  const onWheel = (event: WheelEvent): void => {
    if (event.deltaY < 0 && scroller.scrollTop > 0) follow(false);
  };
  const onResize = (): void => {
    if (following) scroller.scrollTop = scroller.scrollHeight;
    else if (distance() <= kNearPixels) follow(true);
  };

  scroller.addEventListener('scroll', onScroll, { passive: true });
  scroller.addEventListener('wheel', onWheel, { passive: true });
  const observer = new ResizeObserver(onResize);
  observer.observe(content);
  observer.observe(scroller);
  return {
    toEnd,
    destroy() {
      scroller.removeEventListener('scroll', onScroll);
      scroller.removeEventListener('wheel', onWheel);
      observer.disconnect();
    },
  };
}
