import { type FormEvent, useState } from 'react';

import type { Assistant, Role } from '../api';
import { formatMoment, formatSince } from '../format';
import { useWords } from '../i18n';
import { AskDialog } from '../shell/AskDialog';
import { Choice, Field, Problem, Secret, Tick } from '../shell/fields';
import { useLoaded } from '../shell/useLoaded';
import { useWork } from '../shell/useWork';
import { type Key, keys as api } from './api';

const day = 86400;
const lengths = [30, 90, 365] as const;

export function KeysRoom({ assistants }: { assistants: readonly Assistant[] }) {
  const { t } = useWords();
  const { value: keys, error, reload } = useLoaded('keys', api.list);
  const [secret, setSecret] = useState<string | null>(null);
  const [asked, setAsked] = useState<{ key: Key; about: 'rotate' | 'revoke' } | null>(null);

  async function decided() {
    if (!asked) return;
    if (asked.about === 'rotate') setSecret((await api.rotate(asked.key.id, day)).secret);
    else await api.revoke(asked.key.id);
    await reload();
  }

  const about = asked?.about ?? 'revoke';
  return (
    <>
      <h1>{t('settings.keys')}</h1>
      <p className="files-intro">{t('keys.intro', { url: `${location.origin}/v1` })}</p>
      <NewKey
        assistants={assistants}
        onMade={(made) => {
          setSecret(made);
          void reload();
        }}
      />
      {secret && <Secret label={t('keys.secret')} text={secret} note={t('keys.secret_note')} />}
      <Problem error={error} onRetry={() => void reload()} />
      {keys?.length === 0 && <p className="files-none">{t('keys.none')}</p>}
      <ul className="rows" aria-busy={keys === null}>
        {keys?.map((key) => (
          <KeyRow key={key.id} record={key} onAsk={(what) => setAsked({ key, about: what })} />
        ))}
      </ul>
      <AskDialog
        open={asked !== null}
        title={t(`keys.${about}_title`, { name: asked?.key.name ?? '' })}
        text={t(`keys.${about}_text`)}
        confirm={t(`keys.${about}`)}
        onConfirm={decided}
        onClose={() => setAsked(null)}
      />
    </>
  );
}

function NewKey({ assistants, onMade }: { assistants: readonly Assistant[]; onMade: (secret: string) => void }) {
  const { t } = useWords();
  const [name, setName] = useState('');
  const [role, setRole] = useState<Role>('viewer');
  const [access, setAccess] = useState<'read' | 'write'>('read');
  const [lasts, setLasts] = useState('');
  const [chosen, setChosen] = useState<readonly string[]>([]);
  const { working, problem, run } = useWork();

  async function submit(event: FormEvent) {
    event.preventDefault();
    const expires_at = lasts ? Math.floor(Date.now() / 1000) + Number(lasts) * day : null;
    const key = { name: name.trim(), role, access, expires_at, assistants: chosen.length > 0 ? [...chosen] : null };
    if (await run(async () => onMade((await api.make(key)).secret))) setName('');
  }

  return (
    <form className="panel" onSubmit={(event) => void submit(event)}>
      <h2>{t('keys.new')}</h2>
      <div className="fields">
        <Field label={t('keys.name')} value={name} required maxLength={200} onChange={(event) => setName(event.target.value)} />
        <Choice
          label={t('members.role')}
          value={role}
          options={(['viewer', 'editor', 'owner'] as const).map((one) => [one, t(`role.${one}`)] as const)}
          onChoose={(one) => setRole(one as Role)}
        />
        <Choice
          label={t('keys.access')}
          value={access}
          options={(['read', 'write'] as const).map((one) => [one, t(`keys.access.${one}`)] as const)}
          onChoose={(one) => setAccess(one as 'read' | 'write')}
        />
        <Choice
          label={t('keys.expires')}
          value={lasts}
          options={[['', t('keys.never')] as const, ...lengths.map((n) => [String(n), t('keys.days', { n })] as const)]}
          onChoose={setLasts}
        />
      </div>
      <fieldset className="ticks">
        <legend>{t('keys.assistants')}</legend>
        {assistants.map(({ slug, name: words }) => (
          <Tick
            key={slug}
            label={words}
            checked={chosen.includes(slug)}
            onChange={(event) => setChosen(event.target.checked ? [...chosen, slug] : chosen.filter((one) => one !== slug))}
          />
        ))}
        <p className="hint">{t('keys.assistants_hint')}</p>
      </fieldset>
      <Problem error={problem} />
      <button type="submit" className="button primary" disabled={working || !name.trim()}>
        {t('keys.make')}
      </button>
    </form>
  );
}

function KeyRow({ record, onAsk }: { record: Key; onAsk: (about: 'rotate' | 'revoke') => void }) {
  const { t, language } = useWords();
  const { state, assistants, last_used_at, expires_at, previous_works_until } = record;
  return (
    <li data-state={state}>
      <div className="row-words">
        <div className="row-name">{record.name}</div>
        <div className="row-facts">
          <span className={state === 'active' ? 'good' : 'bad'}>{t(`keys.${state}`)}</span>
          <span className="mono">{record.prefix}…</span>
          <span>{t(`role.${record.role}`)}</span>
          <span>{t(`keys.access.${record.access}`)}</span>
          {assistants && <span>{assistants.join(', ')}</span>}
          <span>
            {last_used_at === null
              ? t('keys.never_used')
              : t('account.last_used', { when: formatSince(last_used_at, language) })}
          </span>
          {expires_at !== null && <span>{t('keys.until', { when: formatMoment(expires_at, language) })}</span>}
          {previous_works_until !== null && (
            <span>{t('keys.overlap', { when: formatMoment(previous_works_until, language) })}</span>
          )}
        </div>
      </div>
      {state === 'active' && (
        <div className="row-buttons">
          <button type="button" className="button small" onClick={() => onAsk('rotate')}>
            {t('keys.rotate')}
          </button>
          <button type="button" className="button small" onClick={() => onAsk('revoke')}>
            {t('keys.revoke')}
          </button>
        </div>
      )}
    </li>
  );
}
