import type { Assistant, Session } from '../api';
import { useWords } from '../i18n';
import { BaseRoom } from '../knowledge/BaseRoom';
import { BasesRoom } from '../knowledge/BasesRoom';
import { type Place, type Room, type Route, followInPage, navigate, settingsAddress } from '../router';
import { AccountRoom } from './AccountRoom';
import { AuditRoom } from './AuditRoom';
import { KeysRoom } from './KeysRoom';
import { MembersRoom } from './MembersRoom';
import { TeamRoom } from './TeamRoom';

interface SettingsViewProps {
  session: Session;
  assistants: readonly Assistant[];
  route: Extract<Route, { at: 'settings' }>;
  onOpen: (place: Place) => void;
  /** Called when knowledge came or went. */
  onChange: () => Promise<void>;
  /** Called when the session is another one: renamed, switched, given an account. */
  onSession: () => void;
}

const roomsOf: Record<Session['role'], readonly Room[]> = {
  viewer: ['account'],
  editor: ['account', 'knowledge'],
  owner: ['account', 'knowledge', 'members', 'keys', 'audit', 'team'],
};

/** The account of the one who is signed in and, for those who may, the team. */
export function SettingsView({ session, assistants, route, onOpen, onChange, onSession }: SettingsViewProps) {
  const { t } = useWords();
  const rooms = roomsOf[session.role];
  const shown = rooms.includes(route.room) ? route.room : 'account';
  return (
    <section className="settings">
      <div className="column wide">
        <nav className="rooms" aria-label={t('settings.rooms')}>
          {rooms.map((one) => (
            <a
              key={one}
              href={settingsAddress(one)}
              aria-current={one === shown ? 'page' : undefined}
              onClick={(event) => followInPage(event, () => navigate(settingsAddress(one)))}
            >
              {t(`settings.${one}`)}
            </a>
          ))}
        </nav>
        {shown === 'account' && <AccountRoom session={session} onSession={onSession} />}
        {shown === 'knowledge' && route.item === null && <BasesRoom />}
        {shown === 'knowledge' && route.item !== null && (
          <BaseRoom key={route.item} slug={route.item} onOpen={onOpen} onChange={onChange} />
        )}
        {shown === 'members' && <MembersRoom />}
        {shown === 'keys' && <KeysRoom assistants={assistants} />}
        {shown === 'audit' && <AuditRoom />}
        {shown === 'team' && <TeamRoom session={session} onSession={onSession} />}
      </div>
    </section>
  );
}
