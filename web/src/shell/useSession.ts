import { useCallback, useEffect, useState } from 'react';

import { ApiError, type Session, onSignedOut, session } from '../api';
import { forgetAll } from '../chat/chats';
import type { MessageKey } from '../i18n';
import type { OneTimeLink } from '../team/Joining';

export type SessionState =
  | { at: 'checking' }
  | { at: 'out'; message: MessageKey | null }
  | { at: 'in'; session: Session }
  | { at: 'link'; link: OneTimeLink }
  | { at: 'unreachable'; error: unknown };

type Link = OneTimeLink | { kind: 'login'; token: string };

/** The token of a link (`/#login=…`), taken out of the address so that it stays in no history. */
function takeLink(): Link | null {
  const given = new URLSearchParams(location.hash.slice(1));
  for (const kind of ['login', 'join', 'reset'] as const) {
    const token = given.get(kind);
    if (token === null) continue;
    history.replaceState(null, '', location.pathname + location.search);
    return { kind, token };
  }
  return null;
}

async function enter(link: Link | null): Promise<SessionState> {
  if (link && link.kind !== 'login') return { at: 'link', link };
  let linkFailed = false;
  if (link) {
    await session.begin(link.token).catch((error: unknown) => {
      if (error instanceof ApiError && error.status === 0) throw error;
      linkFailed = true;
    });
  }
  try {
    return { at: 'in', session: await session.read() };
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 401) throw error;
    return { at: 'out', message: linkFailed ? 'signin.link_failed' : null };
  }
}

// Taken once, before the first drawing: a token works only once.
let entrance: Promise<SessionState> | null = null;

export function useSession() {
  const [state, setState] = useState<SessionState>({ at: 'checking' });

  const check = useCallback(async (link: Link | null) => {
    setState((now) => (now.at === 'in' ? now : { at: 'checking' }));
    await enter(link).then(setState, (error: unknown) => setState({ at: 'unreachable', error }));
  }, []);

  useEffect(() => {
    entrance ??= enter(takeLink());
    entrance.then(setState, (error: unknown) => setState({ at: 'unreachable', error }));
    const onHash = () => {
      const link = takeLink();
      if (link) void check(link);
    };
    window.addEventListener('hashchange', onHash);
    const stop = onSignedOut(() =>
      setState((now) => (now.at === 'in' ? { at: 'out', message: 'signin.expired' } : now)),
    );
    return () => {
      window.removeEventListener('hashchange', onHash);
      stop();
    };
  }, [check]);

  const signOut = useCallback(async () => {
    await session.end().catch(() => undefined);
    forgetAll();
    setState({ at: 'out', message: 'signin.out' });
  }, []);

  return { state, check: () => check(null), signOut };
}
