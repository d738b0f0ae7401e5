import { type FormEvent, useState } from 'react';

import { ApiError, session } from '../api';
import { type MessageKey, useWords } from '../i18n';
import { LanguageSwitch } from './LanguageSwitch';
import { Mark } from './Mark';
import { sentenceFor } from './errors';

export function SignIn({ message, onSignedIn }: { message: MessageKey | null; onSignedIn: () => void }) {
  const { t } = useWords();
  const [key, setKey] = useState('');
  const [working, setWorking] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);

  async function submit(event: FormEvent) {
    event.preventDefault();
    setWorking(true);
    setProblem(null);
    try {
      await session.begin(key.trim());
      onSignedIn();
    } catch (error) {
      const unknown = error instanceof ApiError && [400, 401, 403, 422].includes(error.status);
      setProblem(unknown ? t('signin.key_failed') : sentenceFor(t, error));
      setWorking(false);
    }
  }

  const shown = problem ?? (message && t(message));
  return (
    <main className="signin">
      <form className="signin-card" onSubmit={submit}>
        <Mark size={44} />
        <h1>Doumi</h1>
        <p className="signin-tagline">{t('app.tagline')}</p>
        {shown && (
          <p className={message === 'signin.out' && !problem ? 'signin-note' : 'signin-problem'} role="alert">
            {shown}
          </p>
        )}
        <label htmlFor="key">{t('signin.key')}</label>
        <input
          id="key"
          type="password"
          autoComplete="current-password"
          autoFocus
          spellCheck={false}
          placeholder="sk-doumi-…"
          value={key}
          onChange={(event) => setKey(event.target.value)}
          aria-describedby="key-hint"
        />
        <button type="submit" className="button primary" disabled={working || !key.trim()}>
          {working ? t('signin.working') : t('signin.submit')}
        </button>
        <p id="key-hint" className="signin-hint">
          {t('signin.hint')}
        </p>
      </form>
      <LanguageSwitch />
    </main>
  );
}
