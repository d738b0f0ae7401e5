import { useCallback, useEffect, useState } from 'react';

import { ApiError, type Session, onSignedOut, session } from '../api';
import { forgetAll } from '../chat/chats';
import type { MessageKey } from '../i18n';

export type SessionState =
  | { at: 'checking' }
  | { at: 'out'; message: MessageKey | null }
  | { at: 'in'; session: Session }
  | { at: 'unreachable'; error: unknown };

/** The token of a sign-in link (`/#login=…`), taken out of the address so that it stays in no history. */
function takeLoginToken(): string | null {
  const token = new URLSearchParams(location.hash.slice(1)).get('login');
  if (token !== null) history.replaceState(null, '', location.pathname + location.search);
  return token;
}

async function enter(token: string | null): Promise<SessionState> {
  let linkFailed = false;
  if (token !== null) {
    await session.begin(token).catch((error: unknown) => {
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

  const check = useCallback(async (token: string | null) => {
    setState((now) => (now.at === 'in' ? now : { at: 'checking' }));
    await enter(token).then(setState, (error: unknown) => setState({ at: 'unreachable', error }));
  }, []);

  useEffect(() => {
    entrance ??= enter(takeLoginToken());
    entrance.then(setState, (error: unknown) => setState({ at: 'unreachable', error }));
    const onHash = () => {
      const token = takeLoginToken();
      if (token !== null) void check(token);
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
