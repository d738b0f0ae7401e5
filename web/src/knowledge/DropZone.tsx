import { type DragEvent, useEffect, useRef, useState } from 'react';

import { useWords } from '../i18n';
import { Icon } from '../shell/Icon';
import { filesIn, isVisible } from './dropped';

interface DropZoneProps {
  name: string;
  onFiles: (files: File[]) => void;
}

const carriesFiles = (event: { dataTransfer: DataTransfer | null }) => event.dataTransfer?.types.includes('Files');

/** Takes files by hand or by drop. The whole window is the target, so that a near miss does not leave the page. */
export function DropZone({ name, onFiles }: DropZoneProps) {
  const { t } = useWords();
  const [over, setOver] = useState(false);
  const picker = useRef<HTMLInputElement>(null);
  const folder = useRef<HTMLInputElement>(null);
  const take = useRef(onFiles);
  take.current = onFiles;

  function picked(input: HTMLInputElement) {
    onFiles([...(input.files ?? [])].filter(isVisible));
    input.value = '';
  }

  useEffect(() => {
    const onDrag = (event: globalThis.DragEvent) => {
      if (!carriesFiles(event)) return;
      event.preventDefault();
      setOver(true);
    };
    const onLeave = (event: globalThis.DragEvent) => {
      if (event.relatedTarget === null) setOver(false);
    };
    const onDrop = (event: globalThis.DragEvent) => {
      if (!carriesFiles(event)) return;
      event.preventDefault();
      setOver(false);
      if (event.dataTransfer) void filesIn(event.dataTransfer).then((files) => take.current(files));
    };
    window.addEventListener('dragover', onDrag);
    window.addEventListener('dragleave', onLeave);
    window.addEventListener('drop', onDrop);
    return () => {
      window.removeEventListener('dragover', onDrag);
      window.removeEventListener('dragleave', onLeave);
      window.removeEventListener('drop', onDrop);
    };
  }, []);

  return (
    <div className={over ? 'drop over' : 'drop'} onDragEnter={(event: DragEvent) => event.preventDefault()}>
      <Icon name="upload" size={24} />
      {over ? (
        <p>{t('files.release', { name })}</p>
      ) : (
        <p>
          {t('files.drop')}{' '}
          <button type="button" className="link" onClick={() => picker.current?.click()}>
            {t('files.choose')}
          </button>{' '}
          {t('files.or')}{' '}
          <button type="button" className="link" onClick={() => folder.current?.click()}>
            {t('files.choose_folder')}
          </button>
        </p>
      )}
      <p className="drop-kinds">{t('files.kinds')}</p>
      <input ref={picker} type="file" multiple hidden onChange={(event) => picked(event.target)} />
      {/* React knows no such attribute, the browsers do. */}
      <input ref={folder} type="file" hidden {...{ webkitdirectory: '' }} onChange={(event) => picked(event.target)} />
    </div>
  );
}
