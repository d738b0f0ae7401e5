import { useCallback, useState } from 'react';

import { type Assistant, type KnowledgeDocument, type Session, documents as api } from '../api';
import { useWords } from '../i18n';
import type { Place } from '../router';
import { sentenceFor } from '../shell/errors';
import { notify } from '../shell/notices';
import { DeleteDialog } from './DeleteDialog';
import { DocumentRow } from './DocumentRow';
import { DropZone } from './DropZone';
import { UploadRow } from './UploadRow';
import { useDocuments } from './useDocuments';
import { useUploads } from './useUploads';

interface FilesViewProps {
  assistant: Assistant;
  session: Session;
  onOpen: (place: Place) => void;
  /** Called when documents came or went. */
  onChange: () => Promise<void>;
}

export function FilesView({ assistant, session, onOpen, onChange }: FilesViewProps) {
  const { t } = useWords();
  const { slug } = assistant;
  const { documents, error, reload, put, drop } = useDocuments(slug);
  const [leaving, setLeaving] = useState<KnowledgeDocument | null>(null);
  const mayEdit = session.role !== 'viewer';

  const onTaken = useCallback(
    (document: KnowledgeDocument) => {
      put(document);
      void onChange();
    },
    [put, onChange],
  );
  const { uploads, add, stop } = useUploads(slug, onTaken);

  async function remove(document: KnowledgeDocument) {
    await api.remove(slug, document.id);
    drop(document.id);
    notify(t('files.deleted', { name: document.name }));
    void onChange();
  }

  const nothing = documents?.length === 0 && uploads.length === 0;
  return (
    <section className="files">
      <div className="column wide">
        <h1>{t('files.title', { name: assistant.name })}</h1>
        <p className="files-intro">{t('files.intro')}</p>
        {mayEdit && <DropZone name={assistant.name} onFiles={add} />}
        {error !== null && (
          <div className="failure" role="alert">
            <span>{sentenceFor(t, error)}</span>
            <button type="button" className="button small" onClick={() => void reload()}>
              {t('app.retry')}
            </button>
          </div>
        )}
        {nothing && <p className="files-none">{mayEdit ? t('files.none') : t('files.none_viewer')}</p>}
        <ul className="documents" aria-busy={documents === null}>
          {uploads.map((upload) => (
            <UploadRow key={upload.id} upload={upload} onStop={() => stop(upload)} />
          ))}
          {documents?.map((document) => (
            <DocumentRow
              key={document.id}
              slug={slug}
              document={document}
              onOpen={() => onOpen({ slug, documentId: document.id, page: 1, quote: '' })}
              onDelete={mayEdit ? () => setLeaving(document) : null}
            />
          ))}
        </ul>
      </div>
      <DeleteDialog document={leaving} onDelete={remove} onClose={() => setLeaving(null)} />
    </section>
  );
}
