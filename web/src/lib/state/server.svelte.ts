// What is known of the server: whether it answers, and with which model. Asks again by itself, often
// while something is missing and seldom when all is well; never from a hidden tab.

import type { ApiClient } from '../api/client';
import { ApiError } from '../api/errors';
import type { ModelInfo, ServerFacts } from '../api/types';

export type ServerPhase =
  | 'connecting' // not asked yet, or the model is still loading
  | 'ready'
  | 'no-model'
  | 'locked' // wants a key
  | 'offline';

const kReadyMs = 30_000;
const kFirstRetryMs = 1_000;
const kMaxRetryMs = 10_000;

export class ServerStatus {
  phase = $state<ServerPhase>('connecting');
  model = $state<ModelInfo | null>(null);
  facts = $state<ServerFacts | null>(null);

  private timer: ReturnType<typeof setTimeout> | undefined;
  private retryMs = kFirstRetryMs;

  constructor(private readonly client: ApiClient) {}

  // Asks now and from then on, until the returned function is called.
  watch(): () => void {
    const onVisible = (): void => {
      if (document.visibilityState === 'visible') void this.refresh();
    };
    document.addEventListener('visibilitychange', onVisible);
    addEventListener('online', onVisible);
    void this.refresh();
    return () => {
      clearTimeout(this.timer);
      document.removeEventListener('visibilitychange', onVisible);
      removeEventListener('online', onVisible);
    };
  }

  async refresh(): Promise<void> {
    clearTimeout(this.timer);
    try {
      const [models, facts] = await Promise.all([this.client.models(), this.client.health()]);
      this.model = models[0] ?? null;
      this.facts = facts;
      this.phase = this.model ? 'ready' : 'no-model';
    } catch (error) {
      this.phase = phaseOf(error);
    }
    this.again();
  }

  private again(): void {
    clearTimeout(this.timer);
    if (this.phase === 'ready') this.retryMs = kFirstRetryMs;
    const delay = this.phase === 'ready' ? kReadyMs : this.retryMs;
    if (this.phase !== 'ready') this.retryMs = Math.min(this.retryMs * 1.5, kMaxRetryMs);
    this.timer = setTimeout(() => {
      if (document.visibilityState === 'visible') void this.refresh();
    }, delay);
  }
}

function phaseOf(error: unknown): ServerPhase {
  if (!(error instanceof ApiError)) return 'offline';
  if (error.kind === 'unauthorised') return 'locked';
  if (error.kind === 'no-model') return 'no-model';
  return error.kind === 'busy' ? 'connecting' : 'offline';
}
