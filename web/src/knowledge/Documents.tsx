import { useCallback, useState } from 'react';

import { type KnowledgeDocument, type Shelf, documents as api } from '../api';
import { counted, useWords } from '../i18n';
import type { Place } from '../router';
import { AskDialog } from '../shell/AskDialog';
import { Problem } from '../shell/fields';
import { notify } from '../shell/notices';
import { DocumentRow } from './DocumentRow';
import { DropZone } from './DropZone';
import { UploadRow } from './UploadRow';
import { useDocuments } from './useDocuments';
import { useUploads } from './useUploads';

interface DocumentsProps {
  shelf: Shelf;
  name: string;
  /** Slug of an assistant that reads the shelf, through which documents are looked at; null where none does. */
  reader: string | null;
  mayEdit: boolean;
  onOpen: (place: Place) => void;
  /** Called when documents came or went. */
  onChange: () => Promise<void>;
}

/** Documents of a shelf: uploaded, followed while they are read, tagged, deleted one or many at a time. */
export function Documents({ shelf, name, reader, mayEdit, onOpen, onChange }: DocumentsProps) {
  const { t } = useWords();
  const { documents, error, reload, put, drop } = useDocuments(shelf);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [leaving, setLeaving] = useState<readonly KnowledgeDocument[]>([]);

  const onTaken = useCallback(
    (document: KnowledgeDocument) => {
      put(document);
      void onChange();
    },
    [put, onChange],
  );
  const { uploads, add, stop } = useUploads(shelf, onTaken);

  async function remove() {
    const ids = leaving.map(({ id }) => id);
    await api.remove(shelf, ids);
    drop(new Set(ids));
    setChosen(new Set());
    notify(ids.length === 1 ? t('files.deleted', { name: leaving[0]?.name ?? '' }) : t('files.deleted_many', { n: ids.length }));
    void onChange();
  }

  function choose(id: string, on: boolean) {
    const next = new Set(chosen);
    if (on) next.add(id);
    else next.delete(id);
    setChosen(next);
  }

  const one = leaving.length === 1 ? leaving[0] : undefined;
  const marked = documents?.filter(({ id }) => chosen.has(id)) ?? [];
  return (
    <>
      {mayEdit && <DropZone name={name} onFiles={add} />}
      <Problem error={error} onRetry={() => void reload()} />
      {documents?.length === 0 && uploads.length === 0 && (
        <p className="files-none">{mayEdit ? t('files.none') : t('files.none_viewer')}</p>
      )}
      {marked.length > 0 && (
        <div className="chosen" role="status">
          <span>{counted(t, 'files.chosen', marked.length)}</span>
          <button type="button" className="link" onClick={() => setChosen(new Set(documents?.map(({ id }) => id)))}>
            {t('files.choose_all')}
          </button>
          <button type="button" className="link" onClick={() => setChosen(new Set())}>
            {t('files.choose_none')}
          </button>
          <button type="button" className="button small danger" onClick={() => setLeaving(marked)}>
            {t('files.delete_chosen')}
          </button>
        </div>
      )}
      <ul className="documents" aria-busy={documents === null}>
        {uploads.map((upload) => (
          <UploadRow key={upload.id} upload={upload} onStop={() => stop(upload)} />
        ))}
        {documents?.map((document) => (
          <DocumentRow
            key={document.id}
            shelf={shelf}
            reader={reader}
            document={document}
            chosen={chosen.has(document.id)}
            onChoose={mayEdit ? (on) => choose(document.id, on) : null}
            onOpen={onOpen}
            onChanged={put}
            onDelete={mayEdit ? () => setLeaving([document]) : null}
          />
        ))}
      </ul>
      <AskDialog
        open={leaving.length > 0}
        title={one ? t('files.delete_title', { name: one.name }) : t('files.delete_many_title', { n: leaving.length })}
        text={one ? t('files.delete_text') : t('files.delete_many_text')}
        confirm={t('files.delete_confirm')}
        onConfirm={remove}
        onClose={() => setLeaving([])}
      />
    </>
  );
}
