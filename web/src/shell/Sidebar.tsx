import type { Assistant, Session } from '../api';
import { startAfresh } from '../chat/chats';
import { useWords } from '../i18n';
import { type Route, assistantAddress, followInPage, navigate, settingsAddress } from '../router';
import { AccountMenu } from './AccountMenu';
import { Avatar } from './Avatar';
import { ConversationList } from './ConversationList';
import { Icon } from './Icon';
import { Mark } from './Mark';
import type { Conversations } from './useConversations';

interface SidebarProps {
  session: Session;
  assistants: readonly Assistant[];
  route: Exclude<Route, { at: 'view' }>;
  conversations: Conversations;
  onChosen: () => void;
  onSignOut: () => void;
  onSession: () => void;
}

export function Sidebar({ session, assistants, route, conversations, onChosen, onSignOut, onSession }: SidebarProps) {
  const { t } = useWords();
  const slug = route.at === 'assistant' ? route.slug : null;
  const go = (address: string) => {
    navigate(address);
    onChosen();
  };
  return (
    <>
      <div className="sidebar-top">
        <Mark size={26} />
        <span className="wordmark">Doumi</span>
      </div>
      <div className="sidebar-scroll">
        <h2>{t('sidebar.assistants')}</h2>
        <ul className="assistants">
          {assistants.map((assistant) => (
            <li key={assistant.slug}>
              <a
                href={assistantAddress(assistant.slug)}
                aria-current={assistant.slug === slug ? 'true' : undefined}
                onClick={(event) => followInPage(event, () => go(assistantAddress(assistant.slug)))}
              >
                <Avatar name={assistant.name} seed={assistant.slug} />
                <span className="assistant-words">
                  <span className="assistant-name">{assistant.name}</span>
                  {assistant.description && <span className="assistant-about">{assistant.description}</span>}
                </span>
              </a>
            </li>
          ))}
        </ul>
        {slug && (
          <>
            <div className="conversations-top">
              <h2>{t('sidebar.conversations')}</h2>
              <button
                type="button"
                className="icon-button small"
                aria-label={t('sidebar.new')}
                title={t('sidebar.new')}
                onClick={() => {
                  startAfresh(slug);
                  go(assistantAddress(slug));
                }}
              >
                <Icon name="plus" size={17} />
              </button>
            </div>
            <ConversationList slug={slug} route={route} conversations={conversations} onGo={go} />
          </>
        )}
      </div>
      <AccountMenu
        session={session}
        onSettings={() => go(settingsAddress('account'))}
        onSignOut={onSignOut}
        onSession={() => {
          navigate('/');
          onSession();
        }}
      />
    </>
  );
}
