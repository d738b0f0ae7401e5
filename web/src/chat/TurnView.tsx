import { memo, useMemo, useState } from 'react';

import type { Decision } from '../api';
import { counted, useWords } from '../i18n';
import type { Place } from '../router';
import { Icon } from '../shell/Icon';
import { sentenceFor } from '../shell/errors';
import { Answer } from './Answer';
import { CallLines } from './CallLines';
import { ConfirmCard, Expired } from './ConfirmCard';
import { RetrievalLine } from './RetrievalLine';
import { Sources } from './Sources';
import type { Turn } from './chats';
import { TurnContext } from './turnContext';

interface TurnViewProps {
  turn: Turn;
  slug: string;
  onOpen: (place: Place) => void;
  /** Null while another question is being answered, or when later turns stand below. */
  onRetry: (() => void) | null;
  /** Whether another answer of this conversation is being written. */
  busy: boolean;
  onDecide: (turn: Turn, decision: Decision) => void;
}

export const TurnView = memo(function TurnView({ turn, slug, onOpen, onRetry, busy, onDecide }: TurnViewProps) {
  const { t } = useWords();
  const context = useMemo(() => ({ turn, slug, onOpen }), [turn, slug, onOpen]);
  const ended = turn.state !== 'searching' && turn.state !== 'writing';
  const expired = turn.state === 'done' && turn.calls.some(({ status }) => status === 'waiting');
  return (
    <TurnContext value={context}>
      <article className="turn" data-state={turn.state}>
        <div className="question">
          <span className="hidden">{t('chat.you')}: </span>
          {turn.question}
        </div>
        {turn.answer && (
          <div className={turn.state === 'writing' ? 'answer writing' : 'answer'}>
            <Answer turn={turn} />
          </div>
        )}
        <CallLines calls={turn.calls.filter(({ id }) => id !== turn.confirmation?.action)} />
        {turn.state === 'searching' && (
          <div className="working">
            <span className="pulse" />
            {turn.retrieval ? t('chat.thinking') : t('chat.searching')}
          </div>
        )}
        {turn.confirmation && turn.state === 'waiting' && (
          <ConfirmCard
            confirmation={turn.confirmation}
            busy={busy}
            onDecide={(decision) => onDecide(turn, decision)}
          />
        )}
        {expired && <Expired />}
        {turn.state === 'done' && turn.error !== null && <Failure error={turn.error} onRetry={null} />}
        {turn.state === 'waiting' && turn.error !== null && <Failure error={turn.error} onRetry={null} />}
        {turn.state === 'failed' && <Failure error={turn.error} onRetry={onRetry} />}
        {turn.state === 'stopped' && <Stopped onRetry={onRetry} />}
        {ended && <Footing turn={turn} />}
      </article>
    </TurnContext>
  );
});

function Failure({ error, onRetry }: { error: unknown; onRetry: (() => void) | null }) {
  const { t } = useWords();
  return (
    <div className="failure" role="alert">
      <Icon name="alert" />
      <span>{sentenceFor(t, error)}</span>
      {onRetry && (
        <button type="button" className="button small" onClick={onRetry}>
          <Icon name="retry" size={15} />
          {t('app.retry')}
        </button>
      )}
    </div>
  );
}

function Stopped({ onRetry }: { onRetry: (() => void) | null }) {
  const { t } = useWords();
  return (
    <div className="stopped">
      <span>{t('chat.stopped')}</span>
      {onRetry && (
        <button type="button" className="button small" onClick={onRetry}>
          <Icon name="retry" size={15} />
          {t('app.retry')}
        </button>
      )}
    </div>
  );
}

function Footing({ turn }: { turn: Turn }) {
  const { t } = useWords();
  const unsupported = turn.citations.filter(({ verdict }) => verdict === 'unsupported').length;
  return (
    <footer className="footing">
      {unsupported > 0 && (
        <div className="doubt">
          <Icon name="alert" size={15} />
          {counted(t, 'chat.unsupported', unsupported)}
        </div>
      )}
      <Sources />
      <div className="footing-line">
        {turn.retrieval && <RetrievalLine retrieval={turn.retrieval} />}
        {turn.answer && window.isSecureContext && <CopyButton text={turn.answer} />}
      </div>
    </footer>
  );
}

function CopyButton({ text }: { text: string }) {
  const { t } = useWords();
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setCopied(true);
    window.setTimeout(() => setCopied(false), 1600);
  };
  const label = copied ? t('chat.copied') : t('chat.copy');
  return (
    <button type="button" className="icon-button small copy" aria-label={label} title={label} onClick={() => void copy()}>
      <Icon name={copied ? 'check' : 'copy'} size={16} />
    </button>
  );
}
