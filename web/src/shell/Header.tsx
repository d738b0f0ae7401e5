import type { Assistant } from '../api';
import { useWords } from '../i18n';
import { type Route, type Tab, assistantAddress, followInPage, navigate } from '../router';
import { Icon } from './Icon';

interface HeaderProps {
  assistant: Assistant | null;
  route: Exclude<Route, { at: 'view' }>;
  onMenu: () => void;
}

export function Header({ assistant, route, onMenu }: HeaderProps) {
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
          <TabLink assistant={assistant} tab="chat" current={route.tab} conversation={route.conversation} />
          <TabLink assistant={assistant} tab="files" current={route.tab} conversation={route.conversation} />
        </div>
      )}
    </header>
  );
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
      {tab === 'chat' ? t('tab.chat') : t('tab.files')}
      {tab === 'files' && <span className="count">{assistant.documents}</span>}
    </a>
  );
}
