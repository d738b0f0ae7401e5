/** Knowledge bases, as the service tells of them. */

import { all, get, put, remove } from '../api';

export interface BaseSettings {
  embedder: string | null;
  chunk_tokens: number;
  overlap_sentences: number;
  language: string | null;
  reranker: string | null;
  floor: number | null;
  top_k: number;
}

export interface KnowledgeBase {
  id: string;
  slug: string;
  name: string;
  /** Slugs of those that read it. */
  assistants: string[];
  documents: number;
  settings: BaseSettings;
  status: 'ready' | 'rebuilding';
  serving: { embedder: string; chunk_tokens: number; overlap_sentences: number };
  rebuilding: { embedder: string; done: number; total: number; error: string | null } | null;
}

const path = (slug: string) => `/api/knowledge-bases/${encodeURIComponent(slug)}`;

export const bases = {
  list: () => all<KnowledgeBase>('/api/knowledge-bases'),
  of: (assistant: string) => get<{ data: KnowledgeBase[] }>(`/api/knowledge-bases?assistant=${encodeURIComponent(assistant)}`),
  read: (slug: string) => get<KnowledgeBase>(path(slug)),
  make: (slug: string, name: string) => put<KnowledgeBase>('POST', '/api/knowledge-bases', { slug, name }),
  change: (slug: string, change: { name?: string; settings?: Partial<BaseSettings> }) =>
    put<KnowledgeBase>('PATCH', path(slug), change),
  remove: (slug: string) => remove<{ removed: Record<string, number>; assistants: string[] }>(path(slug)),
};
