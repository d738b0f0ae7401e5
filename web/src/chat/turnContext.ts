import { createContext, useContext } from 'react';

import type { Citation, OfferedPassage } from '../api';
import type { Place } from '../router';
import type { Turn } from './chats';

interface TurnContext {
  turn: Turn;
  slug: string;
  onOpen: (place: Place) => void;
}

export const TurnContext = createContext<TurnContext | null>(null);

export function useTurn(): TurnContext {
  const context = useContext(TurnContext);
  if (!context) throw new Error('This part of an answer stands outside of a turn.');
  return context;
}

/** What a label stands for: the citation once the answer is whole, until then the passage offered under it. */
export type Source = Citation | (OfferedPassage & { quote: ''; verdict: 'unchecked' });

export function sourceOf(turn: Turn, label: number, citation: number): Source | null {
  const cited = turn.citations[citation] ?? turn.citations.find((one) => one.label === label);
  if (cited) return cited;
  const offered = turn.retrieval?.passages.find((one) => one.label === label);
  return offered ? { ...offered, quote: '', verdict: 'unchecked' } : null;
}

export function placeOf(slug: string, source: Source): Place {
  return { slug, documentId: source.document.id, page: source.page, quote: source.quote };
}
