// What travels between the page and the server, in the page's own words. The names on the wire are
// known to client.ts alone.

export type Role = 'system' | 'user' | 'assistant';

export interface ChatTurn {
  role: Role;
  content: string;
}

export interface ReplyRequest {
  model: string;
  messages: ChatTurn[];
  temperature: number | null; // null: what the model's authors advise
  maxTokens: number | null; // null: up to the context's end
  seed: number | null; // null: the server picks one
}

export interface Usage {
  promptTokens: number;
  cachedTokens: number; // of the prompt, those that were not evaluated again
  completionTokens: number;
  tokensPerSecond: number | null; // of decoding, as the server measured it
  prefillSeconds: number | null; // reading the prompt
  seed: number | null; // asks for the same reply again
}

export type FinishReason = 'stop' | 'length' | 'other';

// A streamed reply, in order: reasoning*, text*, finish, usage (any may be missing: not every model
// thinks, and a reply may be cut off).
export type ReplyEvent =
  | { kind: 'reasoning'; text: string }
  | { kind: 'text'; text: string }
  | { kind: 'finish'; reason: FinishReason }
  | { kind: 'usage'; usage: Usage };

export interface ModelInfo {
  id: string;
  contextLength: number | null; // in tokens, prompt and reply together
  temperature: number | null; // what its authors advise
}

// What the server says of itself; null where it does not say.
export interface ServerFacts {
  version: string | null;
  kernels: string | null; // the instruction set in use
  threads: number | null;
  memoryBytes: number | null;
}
