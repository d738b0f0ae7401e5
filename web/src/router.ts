/** The page's own addresses: /, /a/{slug}, /view/{slug}/{document}, /settings/{room}. */

import { type MouseEvent, useSyncExternalStore } from 'react';

const tabs = ['chat', 'files', 'search'] as const;
export type Tab = (typeof tabs)[number];

const rooms = ['account', 'knowledge', 'members', 'keys', 'audit', 'team'] as const;
export type Room = (typeof rooms)[number];

export type Route =
  | { at: 'home' }
  | { at: 'assistant'; slug: string; tab: Tab; conversation: string | null }
  | { at: 'settings'; room: Room; item: string | null }
  | { at: 'view'; slug: string; documentId: string; page: number; quote: string };

/** What opens a document at a page, with a quote to mark ('' for none). */
export interface Place {
  slug: string;
  documentId: string;
  page: number;
  quote: string;
}

function decoded(text: string | undefined): string {
  try {
    return decodeURIComponent(text ?? '');
  } catch {
    return '';
  }
}

export function parseAddress(address: string): Route {
  const { pathname, searchParams } = new URL(address, 'http://page');
  const [, room, slug, documentId] = pathname.split('/');
  if (room === 'view' && slug && documentId) {
    const page = Math.max(1, Number.parseInt(searchParams.get('page') ?? '1', 10) || 1);
    const quote = searchParams.get('quote') ?? '';
    return { at: 'view', slug: decoded(slug), documentId: decoded(documentId), page, quote };
  }
  if (room === 'a' && slug) {
    const tab = tabs.find((one) => one === searchParams.get('tab')) ?? 'chat';
    return { at: 'assistant', slug: decoded(slug), tab, conversation: searchParams.get('c') };
  }
  if (room === 'settings') {
    return { at: 'settings', room: rooms.find((one) => one === slug) ?? 'account', item: decoded(documentId) || null };
  }
  return { at: 'home' };
}

export function settingsAddress(room: Room, item: string | null = null): string {
  return `/settings/${room}${item === null ? '' : `/${encodeURIComponent(item)}`}`;
}

export function assistantAddress(slug: string, { tab = 'chat' as Tab, conversation = null as string | null } = {}) {
  const query = new URLSearchParams();
  if (tab !== 'chat') query.set('tab', tab);
  if (conversation) query.set('c', conversation);
  return `/a/${encodeURIComponent(slug)}${query.size > 0 ? `?${query}` : ''}`;
}

export function viewAddress({ slug, documentId, page, quote }: Place): string {
  const query = new URLSearchParams({ page: String(page) });
  if (quote) query.set('quote', quote);
  return `/view/${encodeURIComponent(slug)}/${encodeURIComponent(documentId)}?${query}`;
}

const listeners = new Set<() => void>();

function announce(): void {
  for (const listener of listeners) listener();
}

if (typeof window !== 'undefined') window.addEventListener('popstate', announce);

export function navigate(address: string, { replace = false } = {}): void {
  if (replace) history.replaceState(null, '', address);
  else history.pushState(null, '', address);
  announce();
}

/** For a link's onClick: stays in the page unless the reader asked for a tab or window of its own. */
export function followInPage(event: MouseEvent, go: () => void): void {
  if (event.defaultPrevented || event.button !== 0) return;
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  go();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

let known: { address: string; route: Route } | null = null;

function currentRoute(): Route {
  const address = location.pathname + location.search;
  if (known?.address !== address) known = { address, route: parseAddress(address) };
  return known.route;
}

export function useRoute(): Route {
  return useSyncExternalStore(subscribe, currentRoute);
}
