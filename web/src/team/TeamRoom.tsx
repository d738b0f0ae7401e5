import { type FormEvent, useState } from 'react';

import type { Session } from '../api';
import { useWords } from '../i18n';
import { AskDialog } from '../shell/AskDialog';
import { Field, Problem } from '../shell/fields';
import { notify } from '../shell/notices';
import { useWork } from '../shell/useWork';
import { team as api } from './api';

export function TeamRoom({ session, onSession }: { session: Session; onSession: () => void }) {
  const { t } = useWords();
  const { team } = session;
  const [name, setName] = useState(team.name);
  const [asking, setAsking] = useState(false);
  const [removed, setRemoved] = useState<Record<string, number> | null>(null);
  const { working, problem, run } = useWork();

  async function rename(event: FormEvent) {
    event.preventDefault();
    if (!(await run(() => api.rename(name.trim())))) return;
    notify(t('app.saved'));
    onSession();
  }

  if (removed) return <Receipt removed={removed} onLeave={onSession} />;
  return (
    <>
      <h1>{t('settings.team')}</h1>
      <form className="panel" onSubmit={(event) => void rename(event)}>
        <div className="fields">
          <Field label={t('team.name')} value={name} required maxLength={200} onChange={(event) => setName(event.target.value)} />
        </div>
        <Problem error={problem} />
        <button type="submit" className="button primary" disabled={working || !name.trim() || name.trim() === team.name}>
          {t('app.save')}
        </button>
      </form>
      <section className="panel">
        <h2>{t('team.danger')}</h2>
        <p className="hint">{t('team.danger_text', { name: team.name })}</p>
        <button type="button" className="button danger" onClick={() => setAsking(true)}>
          {t('team.danger')}
        </button>
      </section>
      <AskDialog
        open={asking}
        title={t('team.delete_title', { name: team.name })}
        text={t('team.danger_text', { name: team.name })}
        confirm={t('app.delete')}
        typed={team.slug}
        onClose={() => setAsking(false)}
        onConfirm={async () => setRemoved((await api.remove(team.slug)).removed)}
      />
    </>
  );
}

function Receipt({ removed, onLeave }: { removed: Record<string, number>; onLeave: () => void }) {
  const { t } = useWords();
  return (
    <>
      <h1>{t('team.gone')}</h1>
      <section className="panel">
        <h2>{t('team.receipt')}</h2>
        <dl className="facts">
          {Object.entries(removed).map(([what, count]) => (
            <div key={what}>
              <dt>{what.replaceAll('_', ' ')}</dt>
              <dd>{count.toLocaleString()}</dd>
            </div>
          ))}
        </dl>
        <button type="button" className="button" onClick={onLeave}>
          {t('team.leave')}
        </button>
      </section>
    </>
  );
}
