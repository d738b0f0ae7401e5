/** Short messages at the foot of the page, with a way back where there is one. */

import { useSyncExternalStore } from 'react';

import { useWords } from '../i18n';
import { Icon } from './Icon';

interface Notice {
  id: number;
  text: string;
  undo: (() => void) | null;
}

const shownFor = 6000;

let notices: readonly Notice[] = [];
let lastId = 0;
const listeners = new Set<() => void>();

function change(next: readonly Notice[]): void {
  notices = next;
  for (const listener of listeners) listener();
}

function dismiss(id: number): void {
  change(notices.filter((notice) => notice.id !== id));
}

export function notify(text: string, undo: (() => void) | null = null): void {
  lastId += 1;
  const id = lastId;
  change([...notices.slice(-2), { id, text, undo }]);
  window.setTimeout(() => dismiss(id), shownFor);
}

/** Does `work` once the notice is gone and nobody took it back; leaving the page does it at once. */
export function notifyWithUndo(text: string, work: (leaving: boolean) => void, undo: () => void): void {
  const leave = () => settle(true);
  const timer = window.setTimeout(() => settle(false), shownFor);
  function settle(leaving: boolean): void {
    window.clearTimeout(timer);
    window.removeEventListener('pagehide', leave);
    work(leaving);
  }
  window.addEventListener('pagehide', leave);
  notify(text, () => {
    window.clearTimeout(timer);
    window.removeEventListener('pagehide', leave);
    undo();
  });
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function Notices() {
  const { t } = useWords();
  const shown = useSyncExternalStore(subscribe, () => notices);
  return (
    <div className="notices" role="status">
      {shown.map(({ id, text, undo }) => (
        <div className="notice" key={id}>
          <span>{text}</span>
          {undo && (
            <button
              type="button"
              className="notice-undo"
              onClick={() => {
                undo();
                dismiss(id);
              }}
            >
              {t('app.undo')}
            </button>
          )}
          <button type="button" className="icon-button small" aria-label={t('app.close')} onClick={() => dismiss(id)}>
            <Icon name="close" size={15} />
          </button>
        </div>
      ))}
    </div>
  );
}
