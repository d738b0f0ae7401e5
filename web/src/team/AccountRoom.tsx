import { type FormEvent, useState } from 'react';

import type { Session } from '../api';
import { formatSince } from '../format';
import { useWords } from '../i18n';
import { Field, Problem } from '../shell/fields';
import { notify } from '../shell/notices';
import { useLoaded } from '../shell/useLoaded';
import { useWork } from '../shell/useWork';
import { account } from './api';

export function AccountRoom({ session, onSession }: { session: Session; onSession: () => void }) {
  const { t } = useWords();
  const { person } = session;
  return (
    <>
      <h1>{t('settings.account')}</h1>
      {person && (
        <p className="files-intro">{t('account.signed_in_as', { name: person.name, email: person.email ?? '–' })}</p>
      )}
      {person === null && <CreateAccount onDone={onSession} />}
      {person?.has_password && <ChangePassword />}
      <Sessions />
      <Approvals />
    </>
  );
}

function CreateAccount({ onDone }: { onDone: () => void }) {
  const { t } = useWords();
  const { working, problem, run } = useWork();
  const [who, setWho] = useState({ name: '', email: '', password: '' });
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (await run(() => account.create(who))) onDone();
  };
  return (
    <form className="panel" onSubmit={(event) => void submit(event)}>
      <h2>{t('account.create')}</h2>
      <p className="hint">{t('account.create_text')}</p>
      <div className="fields">
        <Field label={t('account.name')} autoComplete="name" required value={who.name} onChange={(event) => setWho({ ...who, name: event.target.value })} />
        <Field label={t('account.email')} type="email" autoComplete="username" required value={who.email} onChange={(event) => setWho({ ...who, email: event.target.value })} />
        <Field label={t('account.password')} type="password" autoComplete="new-password" required value={who.password} onChange={(event) => setWho({ ...who, password: event.target.value })} />
      </div>
      <Problem error={problem} />
      <button type="submit" className="button primary" disabled={working}>
        {t('app.save')}
      </button>
    </form>
  );
}

function ChangePassword() {
  const { t } = useWords();
  const { working, problem, run } = useWork();
  const [current, setCurrent] = useState('');
  const [next, setNext] = useState('');
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (!(await run(() => account.changePassword(current, next)))) return;
    setCurrent('');
    setNext('');
    notify(t('account.changed'));
  };
  return (
    <form className="panel" onSubmit={(event) => void submit(event)}>
      <h2>{t('account.change')}</h2>
      <div className="fields">
        <Field label={t('account.current_password')} type="password" autoComplete="current-password" required value={current} onChange={(event) => setCurrent(event.target.value)} />
        <Field label={t('account.new_password')} type="password" autoComplete="new-password" required value={next} onChange={(event) => setNext(event.target.value)} />
      </div>
      <Problem error={problem} />
      <button type="submit" className="button primary" disabled={working}>
        {t('app.save')}
      </button>
    </form>
  );
}

function Sessions() {
  const { t, language } = useWords();
  const { value: sessions, error, reload } = useLoaded('sessions', account.sessions);
  const { problem, run } = useWork();
  const end = (work: () => Promise<unknown>) => void run(work).then(reload);
  return (
    <section className="panel">
      <div className="panel-top">
        <h2>{t('account.sessions')}</h2>
        {(sessions?.length ?? 0) > 1 && (
          <button
            type="button"
            className="button small"
            onClick={() => end(async () => notify(t('account.ended', { n: (await account.endOthers()).ended })))}
          >
            {t('account.end_others')}
          </button>
        )}
      </div>
      <Problem error={error ?? problem} />
      <ul className="rows" aria-busy={sessions === null}>
        {sessions?.map((one) => (
          <li key={one.id}>
            <div className="row-words">
              <div className="row-name">{browserName(one.agent)}</div>
              <div className="row-facts">
                {one.current && <span className="good">{t('account.this')}</span>}
                <span>{one.address}</span>
                <span>{t('account.last_used', { when: formatSince(one.last_used_at, language) })}</span>
              </div>
            </div>
            {!one.current && (
              <button type="button" className="button small" onClick={() => end(() => account.endSession(one.id))}>
                {t('account.end')}
              </button>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}

const engines = [
  ['Edge', /Edg\//],
  ['Firefox', /Firefox\//],
  ['Chrome', /Chrom(e|ium)\//],
  ['Safari', /Safari\//],
] as const;
const systems = [
  ['Android', /Android/],
  ['iOS', /iPhone|iPad/],
  ['Windows', /Windows/],
  ['macOS', /Mac OS/],
  ['Linux', /Linux/],
] as const;

/** "Firefox, Linux" out of what a browser says of itself. */
export function browserName(agent: string): string {
  const engine = engines.find(([, pattern]) => pattern.test(agent))?.[0];
  const system = systems.find(([, pattern]) => pattern.test(agent))?.[0];
  return [engine ?? agent.split(/[\s/]/)[0] ?? '', system].filter(Boolean).join(', ') || '–';
}

function Approvals() {
  const { t } = useWords();
  const { value: approvals, error, reload } = useLoaded('approvals', account.approvals);
  const { problem, run } = useWork();
  return (
    <section className="panel">
      <h2>{t('account.approvals')}</h2>
      <Problem error={error ?? problem} />
      {approvals?.length === 0 && <p className="hint">{t('account.approvals_none')}</p>}
      <ul className="rows">
        {approvals?.map((one) => (
          <li key={one.id}>
            <div className="row-words">
              <div className="row-name mono">{one.operation}</div>
              <div className="row-facts">
                <span>{one.assistant}</span>
              </div>
            </div>
            <button type="button" className="button small" onClick={() => void run(() => account.withdrawApproval(one.id)).then(reload)}>
              {t('account.withdraw')}
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
