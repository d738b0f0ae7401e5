import * as AlertDialog from '@radix-ui/react-alert-dialog';
import { type MouseEvent, useState } from 'react';

import type { KnowledgeDocument } from '../api';
import { useWords } from '../i18n';
import { sentenceFor } from '../shell/errors';

interface DeleteDialogProps {
  /** The document in question; null keeps the dialog closed. */
  document: KnowledgeDocument | null;
  onDelete: (document: KnowledgeDocument) => Promise<void>;
  onClose: () => void;
}

export function DeleteDialog({ document, onDelete, onClose }: DeleteDialogProps) {
  const { t } = useWords();
  const [working, setWorking] = useState(false);
  const [error, setError] = useState<unknown>(null);

  function close() {
    setError(null);
    onClose();
  }

  async function confirm(event: MouseEvent) {
    event.preventDefault(); // the dialog stays until the service has answered
    if (!document) return;
    setWorking(true);
    try {
      await onDelete(document);
      close();
    } catch (reason) {
      setError(reason);
    } finally {
      setWorking(false);
    }
  }

  return (
    <AlertDialog.Root open={document !== null} onOpenChange={(open) => !open && close()}>
      <AlertDialog.Portal>
        <AlertDialog.Overlay className="overlay" />
        <AlertDialog.Content className="dialog">
          <AlertDialog.Title>{t('files.delete_title', { name: document?.name ?? '' })}</AlertDialog.Title>
          <AlertDialog.Description>{t('files.delete_text')}</AlertDialog.Description>
          {error !== null && (
            <p className="document-error" role="alert">
              {sentenceFor(t, error)}
            </p>
          )}
          <div className="dialog-buttons">
            <AlertDialog.Cancel className="button">{t('app.cancel')}</AlertDialog.Cancel>
            <AlertDialog.Action className="button danger" disabled={working} onClick={(event) => void confirm(event)}>
              {working ? t('files.deleting') : t('files.delete_confirm')}
            </AlertDialog.Action>
          </div>
        </AlertDialog.Content>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  );
}
