import * as Dialog from '@radix-ui/react-dialog';
import { useCallback, useEffect, useState } from 'react';

import { type Assistant, type Session, listAssistants } from '../api';
import { ChatView } from '../chat/ChatView';
import { useWords } from '../i18n';
import { FilesView } from '../knowledge/FilesView';
import { SearchView } from '../knowledge/SearchView';
import { type Place, type Route, assistantAddress, navigate } from '../router';
import { remember, remembered } from '../storage';
import { SettingsView } from '../team/SettingsView';
import { ViewerPanel } from '../viewer/ViewerPanel';
import { Header } from './Header';
import { Sidebar } from './Sidebar';
import { sentenceFor } from './errors';
import { useConversations } from './useConversations';
import { useMedia } from './useMedia';

interface WorkspaceProps {
  session: Session;
  route: Exclude<Route, { at: 'view' }>;
  onSignOut: () => void;
  /** Called when the session is another one than before. */
  onSession: () => void;
}

/** Everything behind the sign-in: assistants and conversations on the left, the chosen one in the middle,
 *  the document that a citation opened on the right. */
export function Workspace({ session, route, onSignOut, onSession }: WorkspaceProps) {
  const { t } = useWords();
  const { assistants, error, reload } = useAssistants();
  const slug = route.at === 'assistant' ? route.slug : null;
  const conversations = useConversations(slug);
  const [place, setPlace] = useState<Place | null>(null);
  const [drawer, setDrawer] = useState(false);
  const covered = useMedia('(max-width: 800px)') && place !== null;
  const assistant = assistants?.find((one) => one.slug === slug) ?? null;

  useEffect(() => {
    if (!assistants) return;
    if (route.at === 'settings') {
      document.title = `${t('account.settings')} · Doumi`;
    } else if (slug === null) {
      const first = atFirst(assistants);
      if (first) navigate(assistantAddress(first.slug), { replace: true });
    } else if (assistant) {
      remember('assistant', slug);
      document.title = `${assistant.name} · Doumi`;
    }
  }, [assistants, assistant, slug, route.at, t]);

  useEffect(() => setPlace(null), [slug]);
  useEffect(() => setDrawer(false), [route]);

  const sidebar = (
    <Sidebar
      session={session}
      assistants={assistants ?? []}
      route={route}
      conversations={conversations}
      onChosen={() => setDrawer(false)}
      onSignOut={onSignOut}
      onSession={onSession}
    />
  );

  return (
    <div className={place ? 'workspace with-viewer' : 'workspace'}>
      <a className="skip" href="#main">
        {t('app.skip')}
      </a>
      <nav className="sidebar" aria-label={t('sidebar.label')}>
        {sidebar}
      </nav>
      <Dialog.Root open={drawer} onOpenChange={setDrawer}>
        <Dialog.Portal>
          <Dialog.Overlay className="overlay" />
          <Dialog.Content className="drawer" aria-describedby={undefined}>
            <Dialog.Title className="hidden">{t('sidebar.label')}</Dialog.Title>
            {sidebar}
          </Dialog.Content>
        </Dialog.Portal>
      </Dialog.Root>
      <div className="main" id="main" tabIndex={-1} inert={covered}>
        <Header session={session} assistant={assistant} route={route} onMenu={() => setDrawer(true)} />
        {route.at === 'settings' ? (
          <SettingsView session={session} assistants={assistants ?? []} route={route} onSession={onSession} onOpen={setPlace} onChange={reload} />
        ) : assistant && route.at === 'assistant' ? (
          route.tab === 'files' ? (
            <FilesView key={assistant.slug} assistant={assistant} session={session} onOpen={setPlace} onChange={reload} />
          ) : route.tab === 'search' && session.role !== 'viewer' ? (
            <SearchView key={assistant.slug} assistant={assistant} onOpen={setPlace} />
          ) : (
            <ChatView
              assistant={assistant}
              session={session}
              conversation={route.conversation}
              onOpen={setPlace}
              onAnswered={conversations.reload}
            />
          )
        ) : (
          <Nothing loading={!assistants && !error} missing={slug !== null} error={error} onRetry={reload} />
        )}
      </div>
      {place && <ViewerPanel place={place} onClose={() => setPlace(null)} />}
    </div>
  );
}

const byName = (a: Assistant, b: Assistant) => a.name.localeCompare(b.name);

/** Where a visit begins: with the assistant of the last one, else with one that has something to tell. */
function atFirst(assistants: readonly Assistant[]): Assistant | undefined {
  const last = remembered('assistant');
  return assistants.find(({ slug }) => slug === last) ?? assistants.find((one) => one.documents > 0) ?? assistants[0];
}

function useAssistants() {
  const [assistants, setAssistants] = useState<Assistant[] | null>(null);
  const [error, setError] = useState<unknown>(null);
  const reload = useCallback(async () => {
    setError(null);
    await listAssistants().then((list) => setAssistants(list.sort(byName)), setError);
  }, []);
  useEffect(() => void reload(), [reload]);
  return { assistants, error, reload };
}

interface NothingProps {
  loading: boolean;
  missing: boolean;
  error: unknown;
  onRetry: () => Promise<void>;
}

function Nothing({ loading, missing, error, onRetry }: NothingProps) {
  const { t } = useWords();
  if (loading) return <div className="nothing" aria-busy="true" />;
  if (error) {
    return (
      <div className="nothing">
        <p role="alert">{sentenceFor(t, error)}</p>
        <button type="button" className="button" onClick={() => void onRetry()}>
          {t('app.retry')}
        </button>
      </div>
    );
  }
  return (
    <div className="nothing">
      <h1>{missing ? t('home.missing.title') : t('home.empty.title')}</h1>
      <p>{missing ? t('home.missing.text') : t('home.empty.text')}</p>
    </div>
  );
}
