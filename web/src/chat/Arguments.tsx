import { useWords } from '../i18n';
import { shownValue, withoutTricks } from './calls';

/** Exactly what is sent, name by name. */
export function Arguments({ values }: { values: Record<string, unknown> }) {
  const { t } = useWords();
  const entries = Object.entries(values);
  if (entries.length === 0) return <p className="arguments-none">{t('call.no_arguments')}</p>;
  return (
    <dl className="arguments">
      {entries.map(([name, value]) => (
        <div key={name}>
          <dt>{withoutTricks(name)}</dt>
          <dd>{shownValue(value)}</dd>
        </div>
      ))}
    </dl>
  );
}
