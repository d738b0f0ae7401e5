import type { CallStatus, ToolCall } from '../api';
import { formatDuration, formatSize } from '../format';
import { type MessageKey, useWords } from '../i18n';
import { Icon, type IconName } from '../shell/Icon';
import { Arguments } from './Arguments';

const told: Record<CallStatus, { icon: IconName; words: MessageKey }> = {
  started: { icon: 'bolt', words: 'call.started' },
  arguments: { icon: 'bolt', words: 'call.started' },
  running: { icon: 'bolt', words: 'call.running' },
  waiting: { icon: 'clock', words: 'call.waiting' },
  done: { icon: 'check', words: 'call.done' },
  failed: { icon: 'alert', words: 'call.failed' },
  refused: { icon: 'close', words: 'call.refused' },
};

/** What the assistant called for this answer; each opens to what was sent and how it went. */
export function CallLines({ calls }: { calls: readonly ToolCall[] }) {
  const { t } = useWords();
  if (calls.length === 0) return null;
  return (
    <ul className="calls" aria-label={t('call.list')}>
      {calls.map((call) => (
        <li key={call.id}>
          <CallLine call={call} />
        </li>
      ))}
    </ul>
  );
}

function CallLine({ call }: { call: ToolCall }) {
  const { t, language } = useWords();
  const { icon, words } = told[call.status];
  const made = call.status === 'done' || call.status === 'failed';
  return (
    <details className="call" data-status={call.status}>
      <summary>
        <Icon name={icon} size={15} />
        <span className="call-name">{call.name}</span>
        <span className="call-state">{t(words)}</span>
        {made && call.took_ms > 0 && <span className="call-took">{formatDuration(call.took_ms, language)}</span>}
        <Icon name="chevronDown" size={14} />
      </summary>
      <div className="call-more">
        {call.call && (
          <p className="call-request">
            <b>{call.call.method}</b> {call.call.host}
            {call.call.path}
          </p>
        )}
        {call.call && <Arguments values={call.call.arguments} />}
        {made && (
          <p className="call-facts">
            {call.http_status !== null && <span>{t('call.status', { status: call.http_status })}</span>}
            {call.size > 0 && <span>{formatSize(call.size, language)}</span>}
            {call.took_ms > 0 && <span>{formatDuration(call.took_ms, language)}</span>}
          </p>
        )}
        {call.error && <p className="document-error">{call.error}</p>}
        {call.sign_in_url && (
          <a className="button small" href={call.sign_in_url} target="_blank" rel="noopener">
            <Icon name="external" size={15} />
            {t('call.connect')}
          </a>
        )}
      </div>
    </details>
  );
}
