import { type FormEvent, useEffect, useState } from 'react';

import { shelfOf } from '../api';
import { useWords } from '../i18n';
import { type Place, followInPage, navigate, settingsAddress } from '../router';
import { AskDialog } from '../shell/AskDialog';
import { Icon } from '../shell/Icon';
import { Field, Problem } from '../shell/fields';
import { notify } from '../shell/notices';
import { useLoaded } from '../shell/useLoaded';
import { useWork } from '../shell/useWork';
import { Documents } from './Documents';
import { Inspector } from './Inspector';
import { type BaseSettings, type KnowledgeBase, bases as api } from './bases';

const pollEvery = 2000;

interface BaseRoomProps {
  slug: string;
  onOpen: (place: Place) => void;
  onChange: () => Promise<void>;
}

/** One knowledge base: its settings, documents, a search through it, its end. */
export function BaseRoom({ slug, onOpen, onChange }: BaseRoomProps) {
  const { t } = useWords();
  const { value: base, error, reload, put } = useLoaded(slug, () => api.read(slug));
  const [asking, setAsking] = useState(false);
  const rebuilding = base?.rebuilding ?? null;

  useEffect(() => {
    if (!rebuilding) return;
    const timer = window.setInterval(() => void reload(), pollEvery);
    return () => window.clearInterval(timer);
  }, [rebuilding !== null, reload]);

  const back = settingsAddress('knowledge');
  return (
    <>
      <a className="back" href={back} onClick={(event) => followInPage(event, () => navigate(back))}>
        <Icon name="chevronLeft" size={16} />
        {t('settings.knowledge')}
      </a>
      <Problem error={error} />
      {base && (
        <>
          <h1>{base.name}</h1>
          {base.assistants.length > 0 && (
            <p className="files-intro">{t('bases.read_by', { names: base.assistants.join(', ') })}</p>
          )}
          {rebuilding && <Rebuilding rebuilding={rebuilding} />}
          <SettingsForm base={base} onChanged={put} />
          <section className="panel">
            <h2>{t('inspect.title')}</h2>
            <Inspector shelf={shelfOf.base(slug)} reader={base.assistants[0] ?? null} onOpen={onOpen} />
          </section>
          <Documents
            shelf={shelfOf.base(slug)}
            name={base.name}
            reader={base.assistants[0] ?? null}
            mayEdit
            onOpen={onOpen}
            onChange={onChange}
          />
          <section className="panel">
            <h2>{t('bases.delete')}</h2>
            <p className="hint">{t('bases.delete_text')}</p>
            <button type="button" className="button danger" onClick={() => setAsking(true)}>
              {t('bases.delete')}
            </button>
          </section>
          <AskDialog
            open={asking}
            title={t('bases.delete_title', { name: base.name })}
            text={t('bases.delete_text')}
            confirm={t('app.delete')}
            typed={base.name}
            onClose={() => setAsking(false)}
            onConfirm={async () => {
              const gone = await api.remove(slug);
              notify(t('bases.deleted', { name: base.name, n: gone.removed.documents ?? 0 }));
              navigate(back);
              await onChange();
            }}
          />
        </>
      )}
    </>
  );
}

function Rebuilding({ rebuilding }: { rebuilding: NonNullable<KnowledgeBase['rebuilding']> }) {
  const { t } = useWords();
  const { done, total, embedder, error } = rebuilding;
  const words = t('bases.rebuilding_of', { done, total, embedder });
  return (
    <div className="rebuilding" role="status">
      <p>{words}</p>
      <progress value={done} max={Math.max(total, 1)} aria-label={words} />
      {error && <p className="document-error">{error}</p>}
    </div>
  );
}

interface SettingsFormProps {
  base: KnowledgeBase;
  onChanged: (base: KnowledgeBase) => void;
}

const orNull = (text: string) => text.trim() || null;
const numberOrNull = (text: string) => (text.trim() ? Number(text) : null);

function SettingsForm({ base, onChanged }: SettingsFormProps) {
  const { t } = useWords();
  const { settings, serving } = base;
  const [name, setName] = useState(base.name);
  const [form, setForm] = useState(() =>
    Object.fromEntries(Object.entries(settings).map(([key, value]) => [key, value === null ? '' : String(value)])),
  );
  const { working, problem, run } = useWork();
  const field = (key: keyof BaseSettings) => ({
    label: t(`bases.${key}`),
    hint: t(`bases.${key}_hint`),
    value: form[key] ?? '',
    onChange: (event: { target: { value: string } }) => setForm({ ...form, [key]: event.target.value }),
  });

  function submit(event: FormEvent) {
    event.preventDefault();
    const next: Record<keyof BaseSettings, string | number | null> = {
      embedder: orNull(form.embedder ?? ''),
      reranker: orNull(form.reranker ?? ''),
      language: orNull(form.language ?? ''),
      chunk_tokens: numberOrNull(form.chunk_tokens ?? ''),
      overlap_sentences: numberOrNull(form.overlap_sentences ?? ''),
      floor: numberOrNull(form.floor ?? ''),
      top_k: numberOrNull(form.top_k ?? ''),
    };
    const changed = Object.fromEntries(
      Object.entries(next).filter(([key, value]) => value !== settings[key as keyof BaseSettings]),
    ) as Partial<BaseSettings>;
    void run(async () => {
      onChanged(await api.change(base.slug, { name: name.trim(), settings: changed }));
      notify(t('app.saved'));
    });
  }

  return (
    <form className="panel" onSubmit={submit}>
      <h2>{t('bases.settings')}</h2>
      <div className="fields">
        <Field label={t('bases.name')} required value={name} onChange={(event) => setName(event.target.value)} />
        <Field {...field('embedder')} placeholder={serving.embedder} />
        <Field {...field('chunk_tokens')} type="number" min={32} max={2048} />
        <Field {...field('overlap_sentences')} type="number" min={0} max={8} />
        <Field {...field('reranker')} placeholder={t('bases.none')} />
        <Field {...field('floor')} type="number" min={0} max={1} step="0.01" placeholder={t('bases.measured')} />
        <Field {...field('top_k')} type="number" min={1} max={50} />
        <Field {...field('language')} placeholder="ko" />
      </div>
      <Problem error={problem} />
      <button type="submit" className="button primary" disabled={working}>
        {t('app.save')}
      </button>
    </form>
  );
}
