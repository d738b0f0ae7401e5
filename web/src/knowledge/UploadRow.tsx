import { formatPercent, formatSize } from '../format';
import { useWords } from '../i18n';
import { Icon } from '../shell/Icon';
import { sentenceFor } from '../shell/errors';
import { FileBadge } from './FileBadge';
import type { Upload } from './useUploads';

/** A file that the service has not taken yet. */
export function UploadRow({ upload, onStop }: { upload: Upload; onStop: () => void }) {
  const { t, language } = useWords();
  const { file, sent, error } = upload;
  const failed = error !== null;
  const state = sent === null ? t('files.waiting') : t('files.uploading', { percent: formatPercent(sent, language) });
  return (
    <li className="document" data-status={failed ? 'failed' : 'uploading'}>
      <FileBadge name={file.name} />
      <div className="document-words">
        <div className="document-name">{file.name}</div>
        <div className="document-facts">
          <span>{formatSize(file.size, language)}</span>
          <span className="status">{failed ? t('files.failed') : state}</span>
        </div>
        {!failed && <progress value={sent ?? 0} max={1} aria-label={state} />}
        {failed && <p className="document-error">{sentenceFor(t, error)}</p>}
      </div>
      <button
        type="button"
        className="icon-button"
        aria-label={failed ? t('files.dismiss') : t('files.stop', { name: file.name })}
        onClick={onStop}
      >
        <Icon name="close" />
      </button>
    </li>
  );
}
