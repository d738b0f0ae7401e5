import { useCallback, useEffect, useRef, useState } from 'react';

import { type KnowledgeDocument, type Shelf, documents as api } from '../api';

export interface Upload {
  id: number;
  file: File;
  controller: AbortController;
  /** The share of the bytes that have left, null while it waits for its turn. */
  sent: number | null;
  error: unknown;
}

const sentAtOnce = 2;

let lastId = 0;

/** Files on their way to the service, a few at a time; one that was taken goes to `onTaken` and leaves the list. */
export function useUploads(shelf: Shelf, onTaken: (document: KnowledgeDocument) => void) {
  const [uploads, setUploads] = useState<readonly Upload[]>([]);
  const began = useRef(new Set<number>());

  const change = useCallback((id: number, change: Partial<Upload>) => {
    setUploads((list) => list.map((one) => (one.id === id ? { ...one, ...change } : one)));
  }, []);

  const dismiss = useCallback((id: number) => {
    setUploads((list) => list.filter((one) => one.id !== id));
  }, []);

  const begin = useCallback(
    async ({ id, file, controller }: Upload) => {
      const onSent = (sent: number) => change(id, { sent });
      try {
        onTaken(await api.upload(shelf, file, { onSent, signal: controller.signal }));
        dismiss(id);
      } catch (error) {
        if (controller.signal.aborted) dismiss(id);
        else change(id, { error });
      }
    },
    [shelf, change, dismiss, onTaken],
  );

  useEffect(() => {
    const waiting = uploads.filter(({ id, error }) => !error && !began.current.has(id));
    const sending = uploads.filter(({ id, error }) => !error && began.current.has(id));
    for (const upload of waiting.slice(0, Math.max(0, sentAtOnce - sending.length))) {
      began.current.add(upload.id);
      change(upload.id, { sent: 0 });
      void begin(upload);
    }
  }, [uploads, begin, change]);

  const add = useCallback((files: readonly File[]) => {
    const added = files.map((file): Upload => {
      lastId += 1;
      return { id: lastId, file, controller: new AbortController(), sent: null, error: null };
    });
    setUploads((list) => [...added, ...list]);
  }, []);

  const stop = useCallback(
    (upload: Upload) => {
      upload.controller.abort();
      dismiss(upload.id);
    },
    [dismiss],
  );

  return { uploads, add, stop };
}
