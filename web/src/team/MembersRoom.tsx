import { type FormEvent, useState } from 'react';

import type { Role } from '../api';
import { formatMoment, formatSince } from '../format';
import { useWords } from '../i18n';
import { AskDialog } from '../shell/AskDialog';
import { Avatar } from '../shell/Avatar';
import { Icon } from '../shell/Icon';
import { Choice, Field, Problem, Secret } from '../shell/fields';
import { notify } from '../shell/notices';
import { useLoaded } from '../shell/useLoaded';
import { useWork } from '../shell/useWork';
import { type Invitation, type Member, invitations, members as api } from './api';

const roles: readonly Role[] = ['viewer', 'editor', 'owner'];

export function MembersRoom() {
  const { t } = useWords();
  const members = useLoaded('members', api.list);
  const open = useLoaded('invitations', invitations.list);
  const [leaving, setLeaving] = useState<Member | null>(null);
  const [link, setLink] = useState<{ member: Member; url: string } | null>(null);
  const { problem, run } = useWork();

  const pending = open.value?.filter((one) => one.accepted_at === null && one.expires_at * 1000 > Date.now()) ?? [];
  return (
    <>
      <h1>{t('settings.members')}</h1>
      <Invite onMade={open.reload} />
      <Problem error={members.error ?? open.error ?? problem} onRetry={() => void members.reload()} />
      {link && (
        <Secret
          label={t('members.reset_link')}
          text={link.url}
          note={t('members.reset_note', { name: link.member.name })}
        />
      )}
      <ul className="rows" aria-busy={members.value === null}>
        {members.value?.map((member) => (
          <MemberRow
            key={member.id}
            member={member}
            onRole={(role) => void run(() => api.change(member.id, role)).then(members.reload)}
            onReset={() => void run(async () => setLink({ member, url: (await api.resetLink(member.id)).url }))}
            onRemove={() => setLeaving(member)}
          />
        ))}
      </ul>
      {pending.length > 0 && <Pending invitations={pending} onWithdraw={(id) => void run(() => invitations.withdraw(id)).then(open.reload)} />}
      <AskDialog
        open={leaving !== null}
        title={t('members.remove_title', { name: leaving?.name ?? '' })}
        text={t('members.remove_text')}
        confirm={t('members.remove_confirm')}
        onClose={() => setLeaving(null)}
        onConfirm={async () => {
          if (!leaving) return;
          await api.remove(leaving.id);
          notify(t('members.removed', { name: leaving.name }));
          await members.reload();
        }}
      />
    </>
  );
}

function Invite({ onMade }: { onMade: () => Promise<void> }) {
  const { t } = useWords();
  const [email, setEmail] = useState('');
  const [role, setRole] = useState<Role>('viewer');
  const [url, setUrl] = useState<string | null>(null);
  const { working, problem, run } = useWork();

  async function submit(event: FormEvent) {
    event.preventDefault();
    const made = await run(async () => setUrl((await invitations.make(role, email.trim() || null)).url));
    if (!made) return;
    setEmail('');
    await onMade();
  }

  return (
    <form className="panel" onSubmit={(event) => void submit(event)}>
      <h2>{t('members.invite')}</h2>
      <div className="fields">
        <Field label={t('members.email_optional')} type="email" value={email} hint={t('members.email_hint')} onChange={(event) => setEmail(event.target.value)} />
        <Choice label={t('members.role')} value={role} options={roles.map((one) => [one, t(`role.${one}`)] as const)} onChoose={(one) => setRole(one as Role)} />
      </div>
      <Problem error={problem} />
      <button type="submit" className="button primary" disabled={working}>
        {t('members.invite_submit')}
      </button>
      {url && <Secret label={t('members.link')} text={url} note={t('members.link_note')} />}
    </form>
  );
}

interface MemberRowProps {
  member: Member;
  onRole: (role: Role) => void;
  onReset: () => void;
  onRemove: () => void;
}

function MemberRow({ member, onRole, onReset, onRemove }: MemberRowProps) {
  const { t, language } = useWords();
  return (
    <li>
      <Avatar name={member.name} seed={member.id} />
      <div className="row-words">
        <div className="row-name">{member.name}</div>
        <div className="row-facts">
          {member.email && <span>{member.email}</span>}
          <span>{t('members.since', { when: formatSince(member.created_at, language) })}</span>
          {member.managed && <span>{t('members.managed')}</span>}
        </div>
      </div>
      <select aria-label={t('members.role_of', { name: member.name })} value={member.role} onChange={(event) => onRole(event.target.value as Role)}>
        {roles.map((role) => (
          <option key={role} value={role}>
            {t(`role.${role}`)}
          </option>
        ))}
      </select>
      {member.email && (
        <button type="button" className="icon-button" title={t('members.reset_link')} aria-label={`${t('members.reset_link')}: ${member.name}`} onClick={onReset}>
          <Icon name="key" />
        </button>
      )}
      <button type="button" className="icon-button" aria-label={t('members.remove', { name: member.name })} onClick={onRemove}>
        <Icon name="trash" />
      </button>
    </li>
  );
}

function Pending({ invitations, onWithdraw }: { invitations: readonly Invitation[]; onWithdraw: (id: string) => void }) {
  const { t, language } = useWords();
  return (
    <section className="panel">
      <h2>{t('members.pending')}</h2>
      <ul className="rows">
        {invitations.map((one) => (
          <li key={one.id}>
            <div className="row-words">
              <div className="row-name">{one.email ?? t('members.anybody')}</div>
              <div className="row-facts">
                <span>{t(`role.${one.role}`)}</span>
                <span>{t('members.ends', { when: formatMoment(one.expires_at, language) })}</span>
              </div>
            </div>
            <button type="button" className="button small" onClick={() => onWithdraw(one.id)}>
              {t('members.withdraw')}
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
