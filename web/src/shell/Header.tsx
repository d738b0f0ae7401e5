import type { Assistant, Session } from '../api';
import { useWords } from '../i18n';
import { type Route, type Tab, assistantAddress, followInPage, navigate } from '../router';
import { Icon } from './Icon';

interface HeaderProps {
  session: Session;
  assistant: Assistant | null;
  route: Exclude<Route, { at: 'view' }>;
  onMenu: () => void;
}

export function Header({ session, assistant, route, onMenu }: HeaderProps) {
  const { t } = useWords();
  return (
    <header className="header">
      <button type="button" className="icon-button menu-button" aria-label={t('app.menu')} onClick={onMenu}>
        <Icon name="menu" size={20} />
      </button>
      <div className="header-title" title={assistant?.name}>
        {route.at === 'settings' ? t('account.settings') : assistant?.name}
      </div>
      {assistant && route.at === 'assistant' && (
        <div className="tabs" role="navigation" aria-label={t('tab.label')}>
          {tabsOf(session).map((tab) => (
            <TabLink key={tab} assistant={assistant} tab={tab} current={route.tab} conversation={route.conversation} />
          ))}
        </div>
      )}
    </header>
  );
}

/** What stands beside the conversation: for editors more than for viewers. */
function tabsOf({ role }: Session): readonly Tab[] {
  return role === 'viewer' ? ['chat', 'files'] : ['chat', 'files', 'search'];
}

interface TabLinkProps {
  assistant: Assistant;
  tab: Tab;
  current: Tab;
  conversation: string | null;
}

function TabLink({ assistant, tab, current, conversation }: TabLinkProps) {
  const { t } = useWords();
  const address = assistantAddress(assistant.slug, { tab, conversation });
  return (
    <a
      href={address}
      aria-current={tab === current ? 'page' : undefined}
      onClick={(event) => followInPage(event, () => navigate(address))}
    >
      {t(`tab.${tab}`)}
      {tab === 'files' && <span className="count">{assistant.documents}</span>}
    </a>
  );
}
