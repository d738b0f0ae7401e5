import { useEffect } from 'react';

import { useWords } from './i18n';
import { forgetAll } from './chat/chats';
import { useRoute } from './router';
import { Mark } from './shell/Mark';
import { Notices } from './shell/notices';
import { SignIn } from './shell/SignIn';
import { Workspace } from './shell/Workspace';
import { sentenceFor } from './shell/errors';
import { useSession } from './shell/useSession';
import { Joining } from './team/Joining';
import { ViewPage } from './viewer/ViewPage';

export function App() {
  const { t, language } = useWords();
  const route = useRoute();
  const { state, check, signOut } = useSession();

  useEffect(() => {
    document.documentElement.lang = language;
  }, [language]);

  if (state.at === 'checking') return <div className="curtain" aria-busy="true" aria-label={t('app.loading')} />;
  if (state.at === 'unreachable') {
    return (
      <main className="curtain">
        <Mark size={40} />
        <p role="alert">{sentenceFor(t, state.error)}</p>
        <button type="button" className="button" onClick={() => void check()}>
          {t('app.retry')}
        </button>
      </main>
    );
  }
  const enter = () => {
    forgetAll();
    void check();
  };
  if (state.at === 'link') return <Joining link={state.link} onDone={enter} />;
  if (state.at === 'out') {
    return <SignIn message={state.message} onSignedIn={enter} />;
  }
  return (
    <>
      {route.at === 'view' ? (
        <ViewPage place={route} />
      ) : (
        <Workspace
          key={state.session.team.id}
          session={state.session}
          route={route}
          onSignOut={() => void signOut()}
          onSession={enter}
        />
      )}
      <Notices />
    </>
  );
}
