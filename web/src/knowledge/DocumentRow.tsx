import type { KnowledgeDocument } from '../api';
import { formatSince, formatSize } from '../format';
import { counted, useWords } from '../i18n';
import { followInPage, viewAddress } from '../router';
import { Icon } from '../shell/Icon';
import { FileBadge } from './FileBadge';
import { shareDone, statusWords } from './status';
import { isUnfinished } from './useDocuments';

interface DocumentRowProps {
  slug: string;
  document: KnowledgeDocument;
  onOpen: () => void;
  /** Null for those who may only read. */
  onDelete: (() => void) | null;
}

export function DocumentRow({ slug, document, onOpen, onDelete }: DocumentRowProps) {
  const { t } = useWords();
  const { name, status, warnings, error } = document;
  const served = document.pages > 0;
  const address = viewAddress({ slug, documentId: document.id, page: 1, quote: '' });
  return (
    <li className="document" data-status={status}>
      <FileBadge name={name} />
      <div className="document-words">
        <div className="document-name">
          <a
            href={address}
            aria-label={t('files.open', { name })}
            onClick={(event) => followInPage(event, onOpen)}
          >
            {name}
          </a>
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
      </div>
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
