import { useState } from 'react';

import { formatMoment } from '../format';
import { useWords } from '../i18n';
import { Icon } from '../shell/Icon';
import { Problem } from '../shell/fields';
import { useLoaded } from '../shell/useLoaded';
import { useWork } from '../shell/useWork';
import { type AuditEntry, team } from './api';

export function AuditRoom() {
  const { t, language } = useWords();
  const newest = useLoaded('audit', () => team.audit(null));
  const [older, setOlder] = useState<{ entries: AuditEntry[]; more: boolean } | null>(null);
  const { working, problem, run } = useWork();
  const entries = [...(newest.value?.data ?? []), ...(older?.entries ?? [])];
  const more = older ? older.more : newest.value?.has_more;

  const next = () =>
    run(async () => {
      const page = await team.audit(entries.at(-1)?.position ?? null);
      setOlder({ entries: [...(older?.entries ?? []), ...page.data], more: page.has_more });
    });

  return (
    <>
      <div className="panel-top">
        <h1>{t('settings.audit')}</h1>
        <a className="button small" href="/api/audit/export" download>
          <Icon name="download" size={15} />
          {t('audit.export')}
        </a>
      </div>
      <p className="files-intro">{t('audit.intro')}</p>
      <Problem error={newest.error ?? problem} />
      {newest.value && entries.length === 0 && <p className="files-none">{t('audit.none')}</p>}
      {entries.length > 0 && (
        <div className="table-scroll" tabIndex={0}>
          <table className="table">
            <thead>
              <tr>
                <th>{t('audit.when')}</th>
                <th>{t('audit.who')}</th>
                <th>{t('audit.what')}</th>
                <th>{t('audit.which')}</th>
              </tr>
            </thead>
            <tbody>
              {entries.map((entry) => (
                <tr key={entry.position}>
                  <td>{formatMoment(Date.parse(entry.at) / 1000, language)}</td>
                  <td className="mono">{entry.actor}</td>
                  <td className="mono">{entry.operation}</td>
                  <td className="mono">{Object.values(entry.targets).join(' ')}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {more && (
        <button type="button" className="button more" disabled={working} onClick={() => void next()}>
          {t('app.more')}
        </button>
      )}
    </>
  );
}
