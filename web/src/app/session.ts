// The long-lived objects of the page and who knows whom among them.

import { ApiClient } from '../lib/api/client';
import { Conversation } from '../lib/state/conversation.svelte';
import { ServerStatus } from '../lib/state/server.svelte';
import { Settings } from '../lib/state/settings.svelte';
import { ThemeChoice } from '../lib/state/theme.svelte';

export interface Session {
  settings: Settings;
  theme: ThemeChoice;
  server: ServerStatus;
  conversation: Conversation;
}

export function createSession(): Session {
  const settings = new Settings();
  const client = new ApiClient(() => settings.values.apiKey);
  const server = new ServerStatus(client);
  const conversation = new Conversation(
    client,
    () => settings.values,
    () => server.model?.id ?? 'default',
  );
  return { settings, theme: new ThemeChoice(), server, conversation };
}
