// The reader's choices for replies, kept in the browser.

import { isRecord, slot } from './storage';

export interface SettingsValues {
  system: string; // the system prompt; '' sends none and leaves it to the model's template
  temperature: number | null; // null: what the model's authors advise
  maxTokens: number | null; // null: up to the context's end
  seed: number | null; // null: another one every time
  apiKey: string;
  showStats: boolean; // under every reply, not only where the pointer is
}

export const kDefaults: Readonly<SettingsValues> = {
  system: '',
  temperature: null,
  maxTokens: null,
  seed: null,
  apiKey: '',
  showStats: false,
};

export const kMaxTemperature = 2;

export class Settings {
  values = $state<SettingsValues>({ ...kDefaults });

  private readonly kept = slot<SettingsValues>('settings', parseSettings);

  constructor() {
    this.values = this.kept.load() ?? { ...kDefaults };
  }

  save(): void {
    this.kept.save($state.snapshot(this.values));
  }

  reset(): void {
    this.values = { ...kDefaults, apiKey: this.values.apiKey };
    this.save();
  }
}

// Each value that is not what it should be falls back to its default.
export function parseSettings(value: unknown): SettingsValues | null {
  if (!isRecord(value)) return null;
  const { system, temperature, maxTokens, seed, apiKey, showStats } = value;
  return {
    system: typeof system === 'string' ? system : kDefaults.system,
    temperature:
      typeof temperature === 'number' && temperature >= 0 && temperature <= kMaxTemperature
        ? temperature
        : kDefaults.temperature,
    maxTokens: wholeNumber(maxTokens, 1),
    seed: wholeNumber(seed, 0),
    apiKey: typeof apiKey === 'string' ? apiKey : kDefaults.apiKey,
    showStats: showStats === true,
  };
}

export function wholeNumber(value: unknown, least: number): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= least ? value : null;
}
