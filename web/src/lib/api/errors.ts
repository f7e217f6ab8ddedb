// What can go wrong between the page and the server, and what to tell the reader about it: what
// happened, why, and what to do. No other file words an error.

export type ApiErrorKind =
  | 'network' // the server cannot be reached
  | 'cut' // the reply ended before it was complete
  | 'unauthorised'
  | 'context' // the conversation is longer than the model's context
  | 'too-large' // the request is larger than the server takes
  | 'busy' // at capacity or shutting down
  | 'no-model'
  | 'refused' // a request that the server does not accept
  | 'server'
  | 'protocol'; // an answer that is not the API's

export class ApiError extends Error {
  constructor(
    readonly kind: ApiErrorKind,
    message: string,
    readonly status = 0,
  ) {
    super(message);
    this.name = 'ApiError';
  }
}

export type ProblemAction = 'retry' | 'new-chat' | 'settings';

export interface Problem {
  title: string;
  detail: string; // the server's own words, or empty
  advice: string;
  action: ProblemAction | null;
}

const kProblems: Record<ApiErrorKind, Omit<Problem, 'detail'>> = {
  network: {
    title: 'The server cannot be reached',
    advice: 'Check that Fathom is still running in its terminal, then try again.',
    action: 'retry',
  },
  cut: {
    title: 'The reply was cut off',
    advice: 'The connection closed early. What arrived is kept; try again for a whole reply.',
    action: 'retry',
  },
  unauthorised: {
    title: 'This server asks for a key',
    advice: 'Enter the API key that the server was started with in the settings.',
    action: 'settings',
  },
  context: {
    title: 'The conversation is longer than the model can read',
    advice: 'Start a new chat, or send a shorter message.',
    action: 'new-chat',
  },
  'too-large': {
    title: 'The message is too large',
    advice: 'Send a shorter message.',
    action: null,
  },
  busy: {
    title: 'The server is busy',
    advice: 'Wait a moment and try again.',
    action: 'retry',
  },
  'no-model': {
    title: 'No model is loaded',
    advice: 'Start the server with a model: fathom serve --model NAME.',
    action: 'retry',
  },
  refused: {
    title: 'The server did not accept the request',
    advice: 'Check the values in the settings.',
    action: 'settings',
  },
  server: {
    title: 'The server ran into an error',
    advice: 'Try again; its terminal shows the details.',
    action: 'retry',
  },
  protocol: {
    title: 'The answer could not be understood',
    advice: 'Reload the page: it may be older than the server.',
    action: 'retry',
  },
};

export function explain(error: unknown): Problem {
  const known =
    error instanceof ApiError
      ? error
      : new ApiError('protocol', error instanceof Error ? error.message : String(error));
  return { ...kProblems[known.kind], detail: known.message };
}

// The error of a response that is not 2xx; `body` is its text. A server error is
// {"error": {"message", "type", "code"}}, but a proxy between may answer anything.
export function errorOfResponse(status: number, body: string): ApiError {
  let message = '';
  let code = '';
  try {
    const parsed = errorFields(JSON.parse(body));
    message = parsed.message;
    code = parsed.code;
  } catch {
    message = body.trim().startsWith('<') ? '' : body.trim().slice(0, 300);
  }
  return new ApiError(kindOf(status, code, message), message || `HTTP status ${status}`, status);
}

// The error of an {"error": ...} event in the middle of a stream.
export function errorOfEvent(value: unknown): ApiError {
  const { message, code } = errorFields(value);
  return new ApiError(kindOf(500, code, message), message || 'the reply failed', 500);
}

function errorFields(value: unknown): { message: string; code: string } {
  const error = (value as { error?: unknown } | null)?.error;
  if (typeof error === 'string') return { message: error, code: '' };
  const fields = (error ?? {}) as { message?: unknown; code?: unknown; type?: unknown };
  const text = (v: unknown): string => (typeof v === 'string' ? v : '');
  return { message: text(fields.message), code: `${text(fields.code)} ${text(fields.type)}` };
}

function kindOf(status: number, code: string, message: string): ApiErrorKind {
  if (/context/i.test(code) || /context (length|window|overflow)/i.test(message)) return 'context';
  if (status === 401) return 'unauthorised';
  if (status === 413) return 'too-large';
  if (/model_not_found|no_model/.test(code)) return 'no-model';
  if (status === 429 || status === 503 || /unavailable/.test(code)) return 'busy';
  if (status >= 400 && status < 500) return 'refused';
  return 'server';
}
