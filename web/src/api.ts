/** The service as this page sees it: one typed client, one reader of server-sent events. */

export type Role = 'viewer' | 'editor' | 'owner';

export interface Session {
  team: { id: string; slug: string; name: string };
  role: Role;
  model: { name: string; quoting: boolean };
  /** Null for a key, and for a member without an account. */
  person: { name: string; email: string | null; has_password: boolean } | null;
  teams: { slug: string; name: string; role: Role }[];
}

export interface Assistant {
  slug: string;
  name: string;
  description: string | null;
  starters: string[];
  /** Null where the service's own model answers. */
  model: string | null;
  answer_from: string;
  version: number;
  knowledge_bases: string[];
  documents: number;
  language: string | null;
}

export type DocumentStatus = 'queued' | 'reading' | 'embedding' | 'ready' | 'failed';

export interface Progress {
  pages_read: number;
  pages_total: number | null;
  chunks_embedded: number;
  chunks_total: number | null;
  chunks_reused: number;
}

export type AttributeValue = string | number | boolean;

export interface KnowledgeDocument {
  /** Slug of the one that holds it. */
  knowledge_base: string;
  id: string;
  name: string;
  media_type: string;
  size: number;
  status: DocumentStatus;
  progress: Progress;
  pages: number;
  chunks: number;
  error: string | null;
  warnings: string[];
  attributes: Record<string, AttributeValue>;
  created_at: number;
  updated_at: number;
}

export interface Page {
  number: number;
  label: string;
  text: string;
}

export interface DocumentName {
  id: string;
  name: string;
}

export interface OfferedPassage {
  label: number;
  document: DocumentName;
  page: number;
  locator: string;
  score: number;
  relevance: number;
}

export interface Retrieval {
  status: 'used' | 'empty' | 'skipped';
  reason: string | null;
  query: string | null;
  passages: OfferedPassage[];
  answerability: number;
  took_ms: number;
}

export interface Citation {
  label: number;
  document: DocumentName;
  page: number;
  locator: string;
  quote: string;
  verdict: 'supported' | 'unsupported' | 'unchecked';
  /** Where the label stands in the answer, in Unicode code points. */
  start: number;
  end: number;
}

export interface Conversation {
  id: string;
  assistant: string;
  title: string;
  created_at: number;
  updated_at: number;
}

/** What a call of an action would do, or did. */
export interface Preview {
  method: string;
  host: string;
  path: string;
  arguments: Record<string, unknown>;
}

export type CallStatus = 'started' | 'arguments' | 'running' | 'waiting' | 'done' | 'failed' | 'refused';

/** A call of one of the service's tools, and what came of it. */
export interface ToolCall {
  id: string;
  name: string;
  status: CallStatus;
  call: Preview | null;
  error: string | null;
  http_status: number | null;
  size: number;
  took_ms: number;
  sign_in_url: string | null;
}

/** What a stream tells of a call while it is written and made. */
export type CallStep = Partial<ToolCall> & { id: string; status: CallStatus };

export type Decision = 'once' | 'always' | 'refuse';

/** A question to the member: may exactly this be done? */
export interface Confirmation extends Preview {
  id: string;
  action: string;
  name: string;
  why: 'consequential' | 'carries_text';
  /** A stretch of the text that the call would carry away. */
  carries: string | null;
  decisions: Decision[];
  expires_at: number;
}

export interface StoredConfirmation extends Confirmation {
  turn: string | null;
  status: 'waiting' | 'expired' | Decision;
}

export interface StoredTurn {
  id: string;
  question: string;
  answer: string;
  citations: Citation[] | null;
  retrieval: Retrieval | null;
  actions: ToolCall[] | null;
  created_at: number;
}

/** What the service refused, in its own words. `status` is 0 when it could not be reached. */
export class ApiError extends Error {
  override name = 'ApiError';

  constructor(
    message: string,
    readonly status: number,
    readonly code: string | null = null,
  ) {
    super(message);
  }
}

const signedOutListeners = new Set<() => void>();

/** Calls `listener` whenever the service says that nobody is signed in (any more). */
export function onSignedOut(listener: () => void): () => void {
  signedOutListeners.add(listener);
  return () => signedOutListeners.delete(listener);
}

function errorFrom(status: number, body: string): ApiError {
  if (status === 401) for (const listener of signedOutListeners) listener();
  try {
    const { error } = JSON.parse(body) as { error: { message: string; code?: string | null } };
    return new ApiError(error.message, status, error.code ?? null);
  } catch {
    return new ApiError(`The service answered ${status}.`, status);
  }
}

export async function send(path: string, init: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, { credentials: 'same-origin', ...init });
  } catch (reason) {
    if (init.signal?.aborted) throw reason;
    throw new ApiError('', 0, 'unreachable');
  }
  if (!response.ok) throw errorFrom(response.status, await response.text());
  return response;
}

export async function get<T>(path: string): Promise<T> {
  const response = await send(path, { headers: { accept: 'application/json' } });
  return (await response.json()) as T;
}

function written(method: string, body: unknown): RequestInit {
  return { method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}

const posted = (body: unknown) => written('POST', body);

/** Sends `body` and reads the reply; undefined where there is none. */
export async function put<T = void>(method: 'POST' | 'PUT' | 'PATCH', path: string, body: unknown): Promise<T> {
  const response = await send(path, written(method, body));
  return (response.status === 204 ? undefined : await response.json()) as T;
}

export async function remove<T = void>(path: string): Promise<T> {
  const response = await send(path, { method: 'DELETE' });
  return (response.status === 204 ? undefined : await response.json()) as T;
}

interface Listing<T> {
  data: T[];
  has_more?: boolean;
  last_id?: string | null;
}

const mostPages = 50;

/** Everything in a list, page after page. */
export async function all<T>(path: string): Promise<T[]> {
  const join = path.includes('?') ? '&' : '?';
  const found: T[] = [];
  let after = '';
  for (let page = 0; page < mostPages; page++) {
    const listing = await get<Listing<T> | T[]>(`${path}${join}limit=100${after}`);
    if (Array.isArray(listing)) return listing;
    found.push(...listing.data);
    if (!listing.has_more || !listing.last_id) break;
    after = `&after=${encodeURIComponent(listing.last_id)}`;
  }
  return found;
}

const assistantPath = (slug: string) => `/api/assistants/${encodeURIComponent(slug)}`;
const documentPath = (slug: string, id: string) => onShelf(assistantPath(slug), id);

/** Where documents are: those of all bases of an assistant, or of one base. The addresses below are the same. */
export type Shelf = string;
export const shelfOf = {
  assistant: (slug: string): Shelf => assistantPath(slug),
  base: (slug: string): Shelf => `/api/knowledge-bases/${encodeURIComponent(slug)}`,
};
const onShelf = (shelf: Shelf, id: string) => `${shelf}/documents/${encodeURIComponent(id)}`;

export const session = {
  read: () => get<Session>('/api/session'),
  /** `token` is what stands in a sign-in link, or a key. */
  begin: async (token: string): Promise<void> => {
    await send('/api/session', posted({ token }));
  },
  beginWithPassword: (email: string, password: string) => put('POST', '/api/session', { email, password }),
  /** Turns to another of the teams that one belongs to. */
  switch: (team: string) => put('PUT', '/api/session', { team }),
  end: async (): Promise<void> => {
    await send('/api/session', { method: 'DELETE' });
  },
};

export const listAssistants = () => all<Assistant>('/api/assistants');

export const conversations = {
  list: (slug: string) => all<Conversation>(`/api/conversations?assistant=${encodeURIComponent(slug)}`),
  read: (id: string) =>
    get<Conversation & { turns: StoredTurn[] }>(`/api/conversations/${encodeURIComponent(id)}`),
  /** `keepalive` lets the request outlive the page. */
  remove: async (id: string, keepalive = false): Promise<void> => {
    await send(`/api/conversations/${encodeURIComponent(id)}`, { method: 'DELETE', keepalive });
  },
};

export interface PageSummary {
  number: number;
  label: string;
  characters: number;
  chunks: number;
}

export interface Passage {
  text: string;
  document: DocumentName;
  locator: string;
  page: number;
  section: string[];
  score: number;
  relevance: number;
  scores: Record<'dense' | 'lexical' | 'fused' | 'rerank', number | null>;
}

/** What a search found, and what its relevance floor cut. */
export interface SearchResult {
  query: string;
  passages: Passage[];
  below_floor: Passage[];
  answerability: number;
  weights: Record<string, number>;
  took_ms: number;
}

export const documents = {
  list: (shelf: Shelf) => all<KnowledgeDocument>(`${shelf}/documents`),
  read: (slug: string, id: string) => get<KnowledgeDocument>(documentPath(slug, id)),
  page: (slug: string, id: string, number: number) =>
    get<Page>(`${documentPath(slug, id)}/pages/${number}`),
  pages: (shelf: Shelf, id: string) => all<PageSummary>(`${onShelf(shelf, id)}/pages`),
  change: (shelf: Shelf, id: string, change: { name?: string; attributes?: Record<string, AttributeValue> }) =>
    put<KnowledgeDocument>('PATCH', onShelf(shelf, id), change),
  remove: (shelf: Shelf, ids: readonly string[]) => put('POST', `${shelf}/documents/delete`, { ids }),
  search: (shelf: Shelf, query: string, k: number | null) =>
    put<SearchResult>('POST', `${shelf}/search`, { query, k }),
  fileUrl: (slug: string, id: string) => `${documentPath(slug, id)}/file`,
  upload: uploadDocument,
  watch: watchDocument,
};

interface UploadOptions {
  /** Told the share of the bytes that have left, 0 to 1. */
  onSent: (share: number) => void;
  signal: AbortSignal;
}

// fetch tells nothing about the bytes of a request that have left; XMLHttpRequest does.
function uploadDocument(shelf: Shelf, file: File, { onSent, signal }: UploadOptions): Promise<KnowledgeDocument> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const form = new FormData();
    form.append('file', file, file.name.normalize('NFC'));
    request.open('POST', `${shelf}/documents`);
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) onSent(event.loaded / event.total);
    };
    request.onload = () => {
      if (request.status >= 400) reject(errorFrom(request.status, request.responseText));
      else resolve(JSON.parse(request.responseText) as KnowledgeDocument);
    };
    request.onerror = () => reject(new ApiError('', 0, 'unreachable'));
    request.onabort = () => reject(new DOMException('The upload was stopped.', 'AbortError'));
    signal.addEventListener('abort', () => request.abort(), { once: true });
    request.send(form);
  });
}

/** Follows a document until it is ready or failed. Returns the function that stops following. */
function watchDocument(shelf: Shelf, id: string, onChange: (document: KnowledgeDocument) => void): () => void {
  const source = new EventSource(`${onShelf(shelf, id)}/events`);
  source.onmessage = (event) => {
    const document = JSON.parse(String(event.data)) as KnowledgeDocument;
    onChange(document);
    if (document.status === 'ready' || document.status === 'failed') source.close();
  };
  return () => source.close();
}

/** The payloads of a stream of server-sent events, in order. */
export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = '';
  let data: string[] = [];
  try {
    for (;;) {
      const { done, value } = await reader.read();
      rest += done ? `${decoder.decode()}\n\n` : decoder.decode(value, { stream: true });
      // A "\r" at the end may be half of "\r\n": it waits for what follows.
      const lines = rest.split(/\r\n|\n|\r(?!$)/);
      rest = lines.pop() ?? '';
      for (const line of lines) {
        if (line.startsWith('data:')) data.push(line.slice(line.startsWith('data: ') ? 6 : 5));
        if (line !== '' || data.length === 0) continue;
        yield data.join('\n');
        data = [];
      }
      if (done) return;
    }
  } finally {
    reader.cancel().catch(() => undefined);
  }
}

export type AnswerEvent =
  | { kind: 'opened'; conversation: string | null; retrieval: Retrieval | null }
  | { kind: 'text'; text: string }
  | { kind: 'cited'; citations: Citation[] }
  | { kind: 'called'; step: CallStep }
  | { kind: 'waits'; confirmation: Confirmation };

interface AnswerChunk {
  error?: { message: string; code?: string | null };
  choices?: { delta?: { content?: string | null } }[];
  conversation?: string | null;
  retrieval?: Retrieval | null;
  citations?: Citation[] | null;
  action?: CallStep;
  actions?: ToolCall[];
  confirmation?: Confirmation;
}

function* eventsOf(chunk: AnswerChunk): Generator<AnswerEvent> {
  if (chunk.error) throw new ApiError(chunk.error.message, 200, chunk.error.code ?? null);
  if (chunk.retrieval || chunk.conversation) {
    yield { kind: 'opened', conversation: chunk.conversation ?? null, retrieval: chunk.retrieval ?? null };
  }
  const text = chunk.choices?.[0]?.delta?.content;
  if (text) yield { kind: 'text', text };
  if (chunk.action) yield { kind: 'called', step: chunk.action };
  for (const call of chunk.actions ?? []) yield { kind: 'called', step: call };
  if (chunk.confirmation) yield { kind: 'waits', confirmation: chunk.confirmation };
  if (chunk.citations) yield { kind: 'cited', citations: chunk.citations };
}

export interface Question {
  assistant: string;
  /** Null starts a new conversation. */
  conversation: string | null;
  text: string;
}

/** Asks, and yields the answer as it comes. Ends without an error only when the answer is whole. */
export function ask(question: Question, signal: AbortSignal): AsyncGenerator<AnswerEvent> {
  const body = {
    model: question.assistant,
    messages: [{ role: 'user', content: question.text }],
    stream: true,
    conversation: question.conversation ?? 'new',
  };
  return streamed('/v1/chat/completions', body, signal);
}

const confirmationPath = (id: string) => `/api/confirmations/${encodeURIComponent(id)}`;

export const confirmations = {
  /** What waits in a conversation. */
  list: (conversation: string) =>
    all<StoredConfirmation>(`/api/confirmations?conversation=${encodeURIComponent(conversation)}`),
  read: (id: string) => get<StoredConfirmation>(confirmationPath(id)),
  /** Decides, and yields the rest of the answer as `ask` does. */
  decide: (id: string, decision: Decision, signal: AbortSignal) =>
    streamed(confirmationPath(id), { decision, stream: true }, signal),
};

async function* streamed(path: string, body: unknown, signal: AbortSignal): AsyncGenerator<AnswerEvent> {
  const response = await send(path, { ...posted(body), signal });
  if (!response.body) throw new ApiError('', 0, 'broken_off');
  try {
    for await (const payload of readEvents(response.body)) {
      if (payload === '[DONE]') return;
      yield* eventsOf(JSON.parse(payload) as AnswerChunk);
    }
  } catch (reason) {
    if (signal.aborted || reason instanceof ApiError) throw reason;
    throw new ApiError('', 0, 'broken_off');
  }
  throw new ApiError('', 0, 'broken_off');
}
