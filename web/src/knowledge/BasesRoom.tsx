import { type FormEvent, useState } from 'react';

import { counted, useWords } from '../i18n';
import { followInPage, navigate, settingsAddress } from '../router';
import { Icon } from '../shell/Icon';
import { Field, Problem } from '../shell/fields';
import { slugOf } from '../shell/slugs';
import { useLoaded } from '../shell/useLoaded';
import { useWork } from '../shell/useWork';
import { bases as api } from './bases';

/** The knowledge bases of the team. */
export function BasesRoom() {
  const { t } = useWords();
  const { value: bases, error, reload } = useLoaded('bases', api.list);
  return (
    <>
      <h1>{t('settings.knowledge')}</h1>
      <p className="files-intro">{t('bases.intro')}</p>
      <Problem error={error} onRetry={() => void reload()} />
      <ul className="rows" aria-busy={bases === null}>
        {bases?.map((base) => {
          const address = settingsAddress('knowledge', base.slug);
          return (
            <li key={base.id}>
              <Icon name="folder" size={22} />
              <div className="row-words">
                <div className="row-name">
                  <a href={address} onClick={(event) => followInPage(event, () => navigate(address))}>
                    {base.name}
                  </a>
                </div>
                <div className="row-facts">
                  <span>{counted(t, 'bases.documents', base.documents)}</span>
                  {base.assistants.length > 0 && <span>{t('bases.read_by', { names: base.assistants.join(', ') })}</span>}
                  {base.rebuilding && <span className="good">{t('bases.rebuilding')}</span>}
                </div>
              </div>
            </li>
          );
        })}
      </ul>
      <NewBase />
    </>
  );
}

function NewBase() {
  const { t } = useWords();
  const [name, setName] = useState('');
  const [slug, setSlug] = useState<string | null>(null);
  const { working, problem, run } = useWork();
  const shown = slug ?? slugOf(name);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void run(async () => navigate(settingsAddress('knowledge', (await api.make(shown, name.trim())).slug)));
  };
  return (
    <form className="panel" onSubmit={submit}>
      <h2>{t('bases.new')}</h2>
      <div className="fields">
        <Field label={t('bases.name')} required value={name} onChange={(event) => setName(event.target.value)} />
        <Field label={t('bases.slug')} hint={t('bases.slug_hint')} required value={shown} onChange={(event) => setSlug(event.target.value)} />
      </div>
      <Problem error={problem} />
      <button type="submit" className="button primary" disabled={working || !name.trim() || !shown}>
        {t('bases.make')}
      </button>
    </form>
  );
}
