import { useEffect, useRef } from 'react';

import { useWords } from '../i18n';
import { type Place, viewAddress } from '../router';
import { Icon } from '../shell/Icon';
import { Viewer } from './Viewer';

/** The viewer beside the conversation; on a narrow screen, over it. */
export function ViewerPanel({ place, onClose }: { place: Place; onClose: () => void }) {
  const { t } = useWords();
  const close = useRef<HTMLButtonElement>(null);

  useEffect(() => {
    const before = document.activeElement;
    close.current?.focus({ preventScroll: true });
    return () => {
      if (before instanceof HTMLElement) before.focus({ preventScroll: true });
    };
  }, []);

  return (
    <aside
      className="viewer"
      aria-label={t('view.label')}
      onKeyDown={(event) => {
        if (event.key === 'Escape') onClose();
      }}
    >
      <Viewer
        key={place.documentId}
        place={place}
        after={
          <>
            <a
              className="icon-button"
              href={viewAddress(place)}
              target="_blank"
              rel="noopener"
              aria-label={t('view.newtab')}
              title={t('view.newtab')}
            >
              <Icon name="external" />
            </a>
            <button
              ref={close}
              type="button"
              className="icon-button"
              aria-label={t('app.close')}
              title={t('app.close')}
              onClick={onClose}
            >
              <Icon name="close" />
            </button>
          </>
        }
      />
    </aside>
  );
}
