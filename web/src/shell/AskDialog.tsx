import * as AlertDialog from '@radix-ui/react-alert-dialog';
import { type MouseEvent, type ReactNode, useId, useState } from 'react';

import { useWords } from '../i18n';
import { Problem } from './fields';
import { useWork } from './useWork';

interface AskDialogProps {
  open: boolean;
  title: string;
  text: string;
  confirm: string;
  /** What must be typed before it can be done. */
  typed?: string;
  children?: ReactNode;
  onConfirm: () => Promise<void>;
  onClose: () => void;
}

/** Asks before something that cannot be taken back, and stays open until the service has answered. */
export function AskDialog({ open, title, text, confirm, typed, children, onConfirm, onClose }: AskDialogProps) {
  const { t } = useWords();
  const field = useId();
  const [written, setWritten] = useState('');
  const { working, problem, run } = useWork();

  async function agree(event: MouseEvent) {
    event.preventDefault();
    if (await run(onConfirm)) close();
  }

  function close() {
    setWritten('');
    onClose();
  }

  return (
    <AlertDialog.Root open={open} onOpenChange={(next) => !next && close()}>
      <AlertDialog.Portal>
        <AlertDialog.Overlay className="overlay" />
        <AlertDialog.Content className="dialog">
          <AlertDialog.Title>{title}</AlertDialog.Title>
          <AlertDialog.Description>{text}</AlertDialog.Description>
          {children}
          {typed !== undefined && (
            <div className="field">
              <label htmlFor={field}>{t('app.type', { name: typed })}</label>
              <input
                id={field}
                value={written}
                autoComplete="off"
                spellCheck={false}
                onChange={(event) => setWritten(event.target.value)}
              />
            </div>
          )}
          <Problem error={problem} />
          <div className="dialog-buttons">
            <AlertDialog.Cancel className="button">{t('app.cancel')}</AlertDialog.Cancel>
            <AlertDialog.Action
              className="button danger"
              disabled={working || (typed !== undefined && written.trim() !== typed)}
              onClick={(event) => void agree(event)}
            >
              {confirm}
            </AlertDialog.Action>
          </div>
        </AlertDialog.Content>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  );
}
