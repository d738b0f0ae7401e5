import { type FormEvent, useState } from 'react';

import { useWords } from '../i18n';
import { Field, Problem } from '../shell/fields';
import { LanguageSwitch } from '../shell/LanguageSwitch';
import { Mark } from '../shell/Mark';
import { useLoaded } from '../shell/useLoaded';
import { useWork } from '../shell/useWork';
import { remember } from '../storage';
import { account, invitations } from './api';

export interface OneTimeLink {
  kind: 'join' | 'reset';
  token: string;
}

interface JoiningProps {
  link: OneTimeLink;
  /** Called when the link was used, or is left. */
  onDone: () => void;
}

/** What a link that works once opens: joining a team, or setting a new password. */
export function Joining({ link, onDone }: JoiningProps) {
  return (
    <main className="signin">
      {link.kind === 'join' ? (
        <Join token={link.token} onDone={onDone} />
      ) : (
        <Reset token={link.token} onDone={onDone} />
      )}
      <LanguageSwitch />
    </main>
  );
}

function Join({ token, onDone }: { token: string; onDone: () => void }) {
  const { t } = useWords();
  const { value: invitation, error } = useLoaded(token, () => invitations.look(token));
  const { working, problem, run } = useWork();
  const [name, setName] = useState('');
  const [email, setEmail] = useState('');
  const [password, setPassword] = useState('');

  async function submit(event: FormEvent) {
    event.preventDefault();
    const who = { name: name.trim(), email: (invitation?.email ?? email).trim(), password };
    if (!(await run(() => invitations.accept(token, who)))) return;
    remember('signin', 'password');
    onDone();
  }

  if (error) {
    return (
      <div className="signin-card">
        <Mark size={44} />
        <h1>{t('join.title')}</h1>
        <Problem error={error} />
        <button type="button" className="button" onClick={onDone}>
          {t('join.leave')}
        </button>
      </div>
    );
  }
  if (!invitation) return <div className="signin-card" aria-busy="true" aria-label={t('app.loading')} />;
  return (
    <form className="signin-card" onSubmit={(event) => void submit(event)}>
      <Mark size={44} />
      <h1>{t('join.to', { team: invitation.team })}</h1>
      <p className="signin-tagline">{t('join.as', { role: t(`role.${invitation.role}`) })}</p>
      <Problem error={problem} />
      <Field label={t('account.name')} value={name} autoComplete="name" autoFocus required onChange={(event) => setName(event.target.value)} />
      <Field
        label={t('account.email')}
        type="email"
        autoComplete="username"
        required
        readOnly={invitation.email !== null}
        value={invitation.email ?? email}
        onChange={(event) => setEmail(event.target.value)}
      />
      <Field
        label={t('account.password')}
        type="password"
        autoComplete="new-password"
        required
        hint={t('join.password_hint')}
        value={password}
        onChange={(event) => setPassword(event.target.value)}
      />
      <button type="submit" className="button primary" disabled={working}>
        {t('join.submit')}
      </button>
    </form>
  );
}

function Reset({ token, onDone }: { token: string; onDone: () => void }) {
  const { t } = useWords();
  const { working, problem, run } = useWork();
  const [password, setPassword] = useState('');

  async function submit(event: FormEvent) {
    event.preventDefault();
    if (!(await run(() => account.reset(token, password)))) return;
    remember('signin', 'password');
    onDone();
  }

  return (
    <form className="signin-card" onSubmit={(event) => void submit(event)}>
      <Mark size={44} />
      <h1>{t('reset.title')}</h1>
      <Problem error={problem} />
      <Field
        label={t('account.new_password')}
        type="password"
        autoComplete="new-password"
        autoFocus
        required
        hint={t('reset.hint')}
        value={password}
        onChange={(event) => setPassword(event.target.value)}
      />
      <button type="submit" className="button primary" disabled={working}>
        {t('app.save')}
      </button>
    </form>
  );
}
