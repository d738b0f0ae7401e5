import * as Menu from '@radix-ui/react-dropdown-menu';

import { type Session, session as api } from '../api';
import { setLanguage, useWords } from '../i18n';
import { Icon } from './Icon';
import { sentenceFor } from './errors';
import { notify } from './notices';

interface AccountMenuProps {
  session: Session;
  onSettings: () => void;
  onSignOut: () => void;
  /** Called when another team was turned to. */
  onSession: () => void;
}

export function AccountMenu({ session, onSettings, onSignOut, onSession }: AccountMenuProps) {
  const { t, language } = useWords();
  const turn = (slug: string) => void api.switch(slug).then(onSession, (error) => notify(sentenceFor(t, error)));
  return (
    <Menu.Root modal={false}>
      <Menu.Trigger className="account" aria-label={t('account.menu')}>
        <span className="account-words">
          <span className="account-team">{session.team.name}</span>
          <span className="account-role">{t(`role.${session.role}`)}</span>
        </span>
        <Icon name="chevronDown" size={16} />
      </Menu.Trigger>
      <Menu.Portal>
        <Menu.Content className="menu" side="top" align="start" sideOffset={6}>
          {session.teams.length > 1 && (
            <>
              <Menu.Label className="menu-label">{t('account.teams')}</Menu.Label>
              <Menu.RadioGroup value={session.team.slug} onValueChange={turn}>
                {session.teams.map(({ slug, name }) => (
                  <Menu.RadioItem key={slug} value={slug} className="menu-item">
                    <span className="menu-check">
                      <Menu.ItemIndicator>
                        <Icon name="check" size={16} />
                      </Menu.ItemIndicator>
                    </span>
                    {name}
                  </Menu.RadioItem>
                ))}
              </Menu.RadioGroup>
              <Menu.Separator className="menu-line" />
            </>
          )}
          <Menu.Label className="menu-label">{t('account.language')}</Menu.Label>
          <Menu.RadioGroup value={language} onValueChange={(value) => setLanguage(value === 'ko' ? 'ko' : 'en')}>
            {(['ko', 'en'] as const).map((choice) => (
              <Menu.RadioItem key={choice} value={choice} className="menu-item" lang={choice}>
                <span className="menu-check">
                  <Menu.ItemIndicator>
                    <Icon name="check" size={16} />
                  </Menu.ItemIndicator>
                </span>
                {choice === 'ko' ? '한국어' : 'English'}
              </Menu.RadioItem>
            ))}
          </Menu.RadioGroup>
          <Menu.Separator className="menu-line" />
          <Menu.Item className="menu-item" onSelect={onSettings}>
            <span className="menu-check">
              <Icon name="gear" size={16} />
            </span>
            {t('account.settings')}
          </Menu.Item>
          <Menu.Item className="menu-item" onSelect={onSignOut}>
            <span className="menu-check">
              <Icon name="signout" size={16} />
            </span>
            {t('account.signout')}
          </Menu.Item>
        </Menu.Content>
      </Menu.Portal>
    </Menu.Root>
  );
}
