// A reply's figures in words.

import type { ReplyStats } from '../state/conversation.svelte';

// `short` stands under the reply, `long` is its tooltip. null when nothing is known.
export function describeStats(stats: ReplyStats): { short: string; long: string } | null {
  const { usage, tokensPerSecond, firstTokenMs } = stats;
  const short: string[] = [];
  const long: string[] = [];
  if (tokensPerSecond) short.push(`${tokensPerSecond.toFixed(tokensPerSecond < 10 ? 1 : 0)} tokens/s`);
  if (usage) {
    short.push(`${count(usage.completionTokens, 'token')}`);
    if (usage.cachedTokens) short.push(`${usage.cachedTokens} cached`);
    long.push(`Read ${count(usage.promptTokens, 'token')}, ${usage.cachedTokens} from the cache`);
    long.push(`wrote ${usage.completionTokens}`);
    if (usage.seed !== null) long.push(`seed ${usage.seed}`);
  }
  if (firstTokenMs !== null) long.push(`first word after ${(firstTokenMs / 1000).toFixed(2)} s`);
  if (short.length === 0) return null;
  return { short: short.join(' · '), long: long.join(', ') };
}

function count(n: number, noun: string): string {
  return `${n.toLocaleString()} ${noun}${n === 1 ? '' : 's'}`;
}
