import { type FormEvent, type KeyboardEvent, useEffect, useRef, useState } from 'react';

import { useWords } from '../i18n';
import { Icon } from '../shell/Icon';

interface ComposerProps {
  name: string;
  busy: boolean;
  onSend: (text: string) => void;
  onStop: () => void;
}

const tallest = 220;

/** While an input method composes (Hangul, kana), Enter belongs to it. Safari ends the composition before the
 *  key arrives and tells by the old key code only. */
function isComposing(event: KeyboardEvent): boolean {
  return event.nativeEvent.isComposing || event.keyCode === 229;
}

export function Composer({ name, busy, onSend, onStop }: ComposerProps) {
  const { t } = useWords();
  const [text, setText] = useState('');
  const field = useRef<HTMLTextAreaElement>(null);

  useEffect(() => {
    const area = field.current;
    if (!area) return;
    area.style.height = 'auto';
    area.style.height = `${Math.min(area.scrollHeight, tallest)}px`;
  }, [text]);

  function submit(event?: FormEvent) {
    event?.preventDefault();
    const question = text.trim();
    if (!question || busy) return;
    setText('');
    onSend(question);
  }

  function onKeyDown(event: KeyboardEvent) {
    if (event.key !== 'Enter' || event.shiftKey || isComposing(event)) return;
    event.preventDefault();
    submit();
  }

  return (
    <form className="composer" onSubmit={submit}>
      <textarea
        ref={field}
        rows={1}
        value={text}
        placeholder={t('chat.placeholder', { name })}
        aria-label={t('chat.placeholder', { name })}
        title={t('chat.keys')}
        autoFocus={window.matchMedia('(hover: hover)').matches}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={onKeyDown}
      />
      {busy ? (
        <button type="button" className="round" aria-label={t('chat.stop')} title={t('chat.stop')} onClick={onStop}>
          <Icon name="stop" size={20} />
        </button>
      ) : (
        <button type="submit" className="round" aria-label={t('chat.send')} title={t('chat.send')} disabled={!text.trim()}>
          <Icon name="arrowUp" size={20} />
        </button>
      )}
    </form>
  );
}
