import { useEffect, useId, useState } from 'react';

import type { Confirmation, Decision } from '../api';
import { formatUntil } from '../format';
import { useWords } from '../i18n';
import { Icon } from '../shell/Icon';
import { Arguments } from './Arguments';
import { withoutTricks } from './calls';

interface ConfirmCardProps {
  confirmation: Confirmation;
  /** True while another answer of this conversation is being written. */
  busy: boolean;
  onDecide: (decision: Decision) => void;
}

/** The answer stops here until the member says whether exactly this may be done. */
export function ConfirmCard({ confirmation, busy, onDecide }: ConfirmCardProps) {
  const { t, language } = useWords();
  const title = useId();
  const left = useSecondsLeft(confirmation.expires_at);
  const { method, host, path, name, carries, decisions } = confirmation;
  if (left <= 0) return <Expired />;
  return (
    <section className="confirm" aria-labelledby={title}>
      <h3 id={title}>
        <Icon name="shield" size={18} />
        {t('confirm.title', { name: withoutTricks(name) })}
      </h3>
      <p className="confirm-request">
        <b>{withoutTricks(method)}</b> <span className="confirm-host">{withoutTricks(host)}</span>
        {withoutTricks(path)}
      </p>
      <Arguments values={confirmation.arguments} />
      {carries && (
        <div className="confirm-carries">
          <p>{t('confirm.carries')}</p>
          <blockquote>{withoutTricks(carries)}</blockquote>
        </div>
      )}
      <div className="confirm-buttons">
        <button type="button" className="button primary" disabled={busy} onClick={() => onDecide('once')}>
          {t('confirm.once')}
        </button>
        {decisions.includes('always') && (
          <button type="button" className="button" disabled={busy} onClick={() => onDecide('always')}>
            {t('confirm.always')}
          </button>
        )}
        <button type="button" className="button" disabled={busy} onClick={() => onDecide('refuse')}>
          {t('confirm.refuse')}
        </button>
      </div>
      <p className="confirm-expires">{t('confirm.expires', { when: formatUntil(left, language) })}</p>
    </section>
  );
}

export function Expired() {
  const { t } = useWords();
  return (
    <p className="confirm-expired">
      <Icon name="clock" size={16} />
      {t('confirm.expired')}
    </p>
  );
}

/** Seconds until a moment, told anew often enough for words like "in 5 minutes". */
function useSecondsLeft(moment: number): number {
  const [left, setLeft] = useState(() => moment - Date.now() / 1000);
  useEffect(() => {
    const tell = () => setLeft(moment - Date.now() / 1000);
    tell();
    const timer = window.setInterval(tell, 1000);
    return () => window.clearInterval(timer);
  }, [moment]);
  return left;
}
