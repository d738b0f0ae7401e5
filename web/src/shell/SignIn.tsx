import { type FormEvent, useState } from 'react';

import { ApiError, session } from '../api';
import { type MessageKey, useWords } from '../i18n';
import { remember, remembered } from '../storage';
import { LanguageSwitch } from './LanguageSwitch';
import { Mark } from './Mark';
import { sentenceFor } from './errors';
import { Field } from './fields';

type Way = 'password' | 'key';

export function SignIn({ message, onSignedIn }: { message: MessageKey | null; onSignedIn: () => void }) {
  const { t } = useWords();
  const [way, setWay] = useState<Way>(() => firstWay(message));
  const [key, setKey] = useState('');
  const [email, setEmail] = useState('');
  const [password, setPassword] = useState('');
  const [working, setWorking] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);

  async function submit(event: FormEvent) {
    event.preventDefault();
    setWorking(true);
    setProblem(null);
    try {
      await (way === 'key' ? session.begin(key.trim()) : session.beginWithPassword(email.trim(), password));
      remember('signin', way);
      onSignedIn();
    } catch (error) {
      const unknown = way === 'key' && error instanceof ApiError && [400, 401, 403, 422].includes(error.status);
      setProblem(unknown ? t('signin.key_failed') : sentenceFor(t, error));
      setWorking(false);
    }
  }

  function turn() {
    setWay(way === 'key' ? 'password' : 'key');
    setProblem(null);
  }

  const shown = problem ?? (message && t(message));
  return (
    <main className="signin">
      <form className="signin-card" onSubmit={(event) => void submit(event)}>
        <Mark size={44} />
        <h1>Doumi</h1>
        <p className="signin-tagline">{t('app.tagline')}</p>
        {shown && (
          <p className={message === 'signin.out' && !problem ? 'signin-note' : 'signin-problem'} role="alert">
            {shown}
          </p>
        )}
        {way === 'key' ? (
          <Field
            key="key"
            label={t('signin.key')}
            type="password"
            autoComplete="current-password"
            autoFocus
            spellCheck={false}
            placeholder="sk-doumi-…"
            value={key}
            onChange={(event) => setKey(event.target.value)}
            hint={t('signin.hint')}
          />
        ) : (
          <>
            <Field
              label={t('account.email')}
              type="email"
              autoComplete="username"
              autoFocus
              value={email}
              onChange={(event) => setEmail(event.target.value)}
            />
            <Field
              label={t('account.password')}
              type="password"
              autoComplete="current-password"
              value={password}
              onChange={(event) => setPassword(event.target.value)}
            />
          </>
        )}
        <button
          type="submit"
          className="button primary"
          disabled={working || (way === 'key' ? !key.trim() : !email.trim() || !password)}
        >
          {working ? t('signin.working') : t('signin.submit')}
        </button>
        <button type="button" className="link signin-other" onClick={turn}>
          {way === 'key' ? t('signin.with_password') : t('signin.with_key')}
        </button>
      </form>
      <LanguageSwitch />
    </main>
  );
}

function firstWay(message: MessageKey | null): Way {
  return message === 'signin.link_failed' || remembered('signin') === 'key' ? 'key' : 'password';
}
