import { useCallback, useEffect, useMemo, useState } from 'react';

import { type KnowledgeDocument, type Shelf, documents as api } from '../api';

const pollEvery = 3000;

// A browser opens six connections to a service at most; the rest of the page needs some of them.
const watchedAtOnce = 2;

export function isUnfinished({ status }: KnowledgeDocument): boolean {
  return status !== 'ready' && status !== 'failed';
}

/** `documents` with `one` put in the place of its older self, or in front. */
function merged(documents: readonly KnowledgeDocument[], one: KnowledgeDocument): KnowledgeDocument[] {
  const known = documents.some(({ id }) => id === one.id);
  return known ? documents.map((old) => (old.id === one.id ? one : old)) : [one, ...documents];
}

/** The documents of an assistant, kept up to date while any is in work: the first few by their event streams,
 *  all of them by asking now and then, in case a stream breaks. */
export function useDocuments(shelf: Shelf) {
  const [documents, setDocuments] = useState<readonly KnowledgeDocument[] | null>(null);
  const [error, setError] = useState<unknown>(null);

  const reload = useCallback(async () => {
    try {
      const list = await api.list(shelf);
      setDocuments(list.sort((a, b) => b.updated_at - a.updated_at));
      setError(null);
    } catch (reason) {
      setError(reason);
    }
  }, [shelf]);

  const put = useCallback((one: KnowledgeDocument) => setDocuments((list) => merged(list ?? [], one)), []);
  const drop = useCallback(
    (ids: ReadonlySet<string>) => setDocuments((list) => list?.filter(({ id }) => !ids.has(id)) ?? null),
    [],
  );

  useEffect(() => void reload(), [reload]);

  const unfinished = useMemo(() => documents?.filter(isUnfinished) ?? [], [documents]);
  const inWork = unfinished.length > 0;
  const watched = unfinished
    .map(({ id }) => id)
    .slice(-watchedAtOnce)
    .join(' ');

  useEffect(() => {
    if (!inWork) return;
    const timer = window.setInterval(() => void reload(), pollEvery);
    return () => window.clearInterval(timer);
  }, [inWork, reload]);

  useEffect(() => {
    const stops = watched.split(' ').filter(Boolean).map((id) => api.watch(shelf, id, put));
    return () => stops.forEach((stop) => stop());
  }, [shelf, watched, put]);

  return { documents, error, reload, put, drop };
}
