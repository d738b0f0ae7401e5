import { useCallback, useEffect, useRef, useState } from 'react';

import { type Conversation, conversations as api } from '../api';
import { forget } from '../chat/chats';
import { type Translate } from '../i18n';
import { notify, notifyWithUndo } from './notices';
import { sentenceFor } from './errors';

export interface Conversations {
  shown: readonly Conversation[];
  reload: () => Promise<void>;
  /** Hides it at once and deletes it a moment later, unless that is undone. */
  remove: (conversation: Conversation, t: Translate) => void;
}

export function useConversations(slug: string | null): Conversations {
  const [known, setKnown] = useState<readonly Conversation[]>([]);
  const [leaving, setLeaving] = useState<ReadonlySet<string>>(new Set());
  const wanted = useRef(slug);

  const reload = useCallback(async () => {
    if (!slug) return;
    const list = await api.list(slug).catch(() => null);
    if (list && wanted.current === slug) {
      setKnown([...list].sort((a, b) => b.updated_at - a.updated_at));
    }
  }, [slug]);

  useEffect(() => {
    wanted.current = slug;
    setKnown([]);
    void reload();
  }, [slug, reload]);

  const remove = useCallback((conversation: Conversation, t: Translate) => {
    const { id } = conversation;
    const unhide = () => setLeaving((ids) => new Set([...ids].filter((one) => one !== id)));
    setLeaving((ids) => new Set(ids).add(id));
    const work = (leavingPage: boolean) => {
      forget(id);
      api.remove(id, leavingPage).catch((error: unknown) => {
        unhide();
        notify(sentenceFor(t, error));
      });
    };
    notifyWithUndo(t('sidebar.deleted'), work, unhide);
  }, []);

  return { shown: known.filter(({ id }) => !leaving.has(id)), reload, remove };
}
