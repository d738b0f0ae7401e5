import { useState } from 'react';

import type { KnowledgeDocument, Shelf } from '../api';
import { formatSince, formatSize } from '../format';
import { counted, useWords } from '../i18n';
import { type Place, followInPage, viewAddress } from '../router';
import { Icon } from '../shell/Icon';
import { DocumentDetails } from './DocumentDetails';
import { FileBadge } from './FileBadge';
import { shareDone, statusWords } from './status';
import { isUnfinished } from './useDocuments';

interface DocumentRowProps {
  shelf: Shelf;
  /** Slug of an assistant that reads the shelf; null where none does. */
  reader: string | null;
  document: KnowledgeDocument;
  chosen: boolean;
  onOpen: (place: Place) => void;
  onChanged: (document: KnowledgeDocument) => void;
  /** Null for those who may only read. */
  onChoose: ((on: boolean) => void) | null;
  onDelete: (() => void) | null;
}

export function DocumentRow({ shelf, reader, document, chosen, onOpen, onChanged, onChoose, onDelete }: DocumentRowProps) {
  const { t } = useWords();
  const [open, setOpen] = useState(false);
  const { name, status, warnings, error } = document;
  const served = document.pages > 0;
  const place = reader === null ? null : { slug: reader, documentId: document.id, page: 1, quote: '' };
  return (
    <li className="document" data-status={status}>
      {onChoose && (
        <input
          type="checkbox"
          className="document-choose"
          aria-label={t('files.select', { name })}
          checked={chosen}
          onChange={(event) => onChoose(event.target.checked)}
        />
      )}
      <FileBadge name={name} />
      <div className="document-words">
        <div className="document-name">
          {place ? (
            <a
              href={viewAddress(place)}
              aria-label={t('files.open', { name })}
              onClick={(event) => followInPage(event, () => onOpen(place))}
            >
              {name}
            </a>
          ) : (
            name
          )}
        </div>
        <Facts document={document} />
        {isUnfinished(document) && (
          <progress value={shareDone(document) ?? undefined} max={1} aria-label={statusWords(t, document)} />
        )}
        {isUnfinished(document) && served && <p className="document-note">{t('files.updating')}</p>}
        {error && (
          <p className="document-error">
            {error}
            {served && ` ${t('files.kept')}`}
          </p>
        )}
        {warnings.length > 0 && (
          <details className="document-warnings">
            <summary>
              <Icon name="alert" size={14} />
              {counted(t, 'files.warnings', warnings.length)}
            </summary>
            <ul>
              {warnings.map((warning) => (
                <li key={warning}>{warning}</li>
              ))}
            </ul>
          </details>
        )}
        {open && <DocumentDetails shelf={shelf} document={document} onChanged={onChoose ? onChanged : null} />}
      </div>
      {onChoose && (
        <button
          type="button"
          className="icon-button"
          aria-expanded={open}
          aria-label={t('files.details', { name })}
          onClick={() => setOpen(!open)}
        >
          <Icon name="list" />
        </button>
      )}
      {onDelete && (
        <button type="button" className="icon-button" aria-label={t('files.delete', { name })} onClick={onDelete}>
          <Icon name="trash" />
        </button>
      )}
    </li>
  );
}

function Facts({ document }: { document: KnowledgeDocument }) {
  const { t, language } = useWords();
  return (
    <div className="document-facts">
      <span className="status" aria-live="polite">
        {statusWords(t, document)}
      </span>
      <span>{formatSize(document.size, language)}</span>
      {document.pages > 0 && <span>{counted(t, 'files.pages', document.pages)}</span>}
      {document.chunks > 0 && <span>{counted(t, 'files.chunks', document.chunks)}</span>}
      <span>{t('files.updated', { when: formatSince(document.updated_at, language) })}</span>
    </div>
  );
}
