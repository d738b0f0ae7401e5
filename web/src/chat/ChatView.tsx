import { useCallback, useEffect, useMemo, useRef } from 'react';

import type { Assistant, Decision, Session } from '../api';
import { useWords } from '../i18n';
import { type Place, assistantAddress, navigate } from '../router';
import { Avatar } from '../shell/Avatar';
import { Icon } from '../shell/Icon';
import { sentenceFor } from '../shell/errors';
import { Composer } from './Composer';
import { TurnView } from './TurnView';
import { type Chat, type Turn, chatFor, useChat } from './chats';
import { useStickToEnd } from './useStickToEnd';

interface ChatViewProps {
  assistant: Assistant;
  session: Session;
  conversation: string | null;
  onOpen: (place: Place) => void;
  onAnswered: () => Promise<void>;
}

export function ChatView({ assistant, session, conversation, onOpen, onAnswered }: ChatViewProps) {
  const { t } = useWords();
  const { slug } = assistant;
  const chat = useMemo(() => chatFor(slug, conversation), [slug, conversation]);
  const { turns, loading, loadError, conversation: begun } = useChat(chat);
  const { scroller, atEnd, jump } = useStickToEnd(turns);
  const last = turns.at(-1);
  const quoting = session.model.quoting && (assistant.model ?? 'quote') === 'quote';

  useEffect(() => {
    if (begun && !conversation) navigate(assistantAddress(slug, { conversation: begun }), { replace: true });
  }, [begun, conversation, slug]);

  const send = useCallback(
    (question: string) => {
      jump();
      void chat.send(question).then(onAnswered);
    },
    [chat, jump, onAnswered],
  );

  const decide = useCallback(
    (turn: Turn, decision: Decision) => void chat.decide(turn, decision).then(onAnswered),
    [chat, onAnswered],
  );

  return (
    <section className="chat">
      <div className="chat-scroll" ref={scroller} tabIndex={0}>
        <div className="column">
          {loading && <div className="working">{t('app.loading')}</div>}
          {loadError !== null && <LoadFailure chat={chat} error={loadError} />}
          {!loading && !loadError && turns.length === 0 && (
            <Opening assistant={assistant} quoting={quoting} onAsk={send} />
          )}
          {turns.map((turn) => (
            <TurnView
              key={turn.id}
              turn={turn}
              slug={slug}
              onOpen={onOpen}
              onRetry={turn === last && !chat.busy ? () => send(turn.question) : null}
              busy={chat.busy}
              onDecide={decide}
            />
          ))}
        </div>
      </div>
      <div className="chat-foot column">
        {!atEnd && turns.length > 0 && (
          <button type="button" className="round to-end" aria-label={t('chat.latest')} title={t('chat.latest')} onClick={jump}>
            <Icon name="arrowDown" />
          </button>
        )}
        <Composer key={slug} name={assistant.name} busy={chat.busy} onSend={send} onStop={() => chat.stop()} />
        <p className="chat-note">{t(turns.length === 0 ? 'chat.keys' : quoting ? 'chat.quoting' : 'chat.check')}</p>
      </div>
      <Announcer turn={last} />
    </section>
  );
}

function LoadFailure({ chat, error }: { chat: Chat; error: unknown }) {
  const { t } = useWords();
  return (
    <div className="failure" role="alert">
      <Icon name="alert" />
      <span>
        {t('chat.load_failed')} {sentenceFor(t, error)}
      </span>
      <button type="button" className="button small" onClick={() => void chat.load()}>
        {t('app.retry')}
      </button>
    </div>
  );
}

interface OpeningProps {
  assistant: Assistant;
  quoting: boolean;
  onAsk: (question: string) => void;
}

function Opening({ assistant, quoting, onAsk }: OpeningProps) {
  const { t } = useWords();
  return (
    <div className="opening">
      <Avatar name={assistant.name} seed={assistant.slug} size={56} />
      <h1>{assistant.name}</h1>
      {assistant.description && <p className="opening-about">{assistant.description}</p>}
      {quoting && (
        <p className="opening-quoting">
          <Icon name="quote" size={16} />
          <span>{t('chat.quoting')}</span>
        </p>
      )}
      {assistant.starters.length > 0 && (
        <ul className="starters" aria-label={t('chat.starters')}>
          {assistant.starters.map((starter) => (
            <li key={starter}>
              <button type="button" onClick={() => onAsk(starter)}>
                {starter}
              </button>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

/** Says for those who listen that an answer is on its way, and then the whole of it once. */
function Announcer({ turn }: { turn: Turn | undefined }) {
  const { t } = useWords();
  const seen = useRef<string | null>(null);
  const working = turn?.state === 'searching' || turn?.state === 'writing';
  if (working) seen.current = turn.id;
  let words = '';
  if (working) words = turn.retrieval ? t('chat.thinking') : t('chat.searching');
  else if (turn?.state === 'waiting' && turn.confirmation) {
    const { name, method, host, path } = turn.confirmation;
    words = `${t('confirm.title', { name })} ${method} ${host}${path}`;
  } else if (turn?.state === 'done' && seen.current === turn.id) words = t('chat.answered', { text: turn.answer });
  return (
    <div className="hidden" role="status" aria-live="polite">
      {words}
    </div>
  );
}
