import { useEffect, useState } from 'react';

import { useWords } from '../i18n';
import { Icon } from '../shell/Icon';

interface Zoom {
  value: number;
  steps: readonly number[];
  onZoom: (zoom: number) => void;
}

interface PagingProps {
  page: number;
  /** Null until it is known. */
  total: number | null;
  /** What the page calls itself ("Sheet1"), '' for nothing. */
  label: string;
  onPage: (page: number) => void;
  zoom: Zoom | null;
}

export function Paging({ page, total, label, onPage, zoom }: PagingProps) {
  const { t } = useWords();
  const [typed, setTyped] = useState(String(page));
  useEffect(() => setTyped(String(page)), [page]);

  const go = (to: number) => {
    const within = Math.min(Math.max(to || page, 1), total ?? Infinity);
    setTyped(String(within));
    onPage(within);
  };
  return (
    <div className="paging">
      <button
        type="button"
        className="icon-button"
        aria-label={t('view.previous')}
        title={t('view.previous')}
        disabled={page <= 1}
        onClick={() => go(page - 1)}
      >
        <Icon name="chevronLeft" />
      </button>
      <input
        aria-label={t('view.page')}
        inputMode="numeric"
        value={typed}
        onChange={(event) => setTyped(event.target.value)}
        onBlur={() => go(Number.parseInt(typed, 10))}
        onKeyDown={(event) => event.key === 'Enter' && go(Number.parseInt(typed, 10))}
      />
      {total !== null && <span className="paging-total">{t('view.of', { total })}</span>}
      <button
        type="button"
        className="icon-button"
        aria-label={t('view.next')}
        title={t('view.next')}
        disabled={total !== null && page >= total}
        onClick={() => go(page + 1)}
      >
        <Icon name="chevronRight" />
      </button>
      {label && <span className="paging-label">{label}</span>}
      {zoom && <ZoomButtons {...zoom} />}
    </div>
  );
}

function ZoomButtons({ value, steps, onZoom }: Zoom) {
  const { t } = useWords();
  const smaller = steps.filter((step) => step < value).at(-1);
  const larger = steps.find((step) => step > value);
  return (
    <div className="zoom">
      <button
        type="button"
        className="icon-button"
        aria-label={t('view.out')}
        title={t('view.out')}
        disabled={!smaller}
        onClick={() => smaller && onZoom(smaller)}
      >
        <Icon name="minus" />
      </button>
      <button
        type="button"
        className="icon-button"
        aria-label={t('view.in')}
        title={t('view.in')}
        disabled={!larger}
        onClick={() => larger && onZoom(larger)}
      >
        <Icon name="plus" />
      </button>
      <button
        type="button"
        className="icon-button"
        aria-label={t('view.fit')}
        title={t('view.fit')}
        aria-pressed={value === 1}
        onClick={() => onZoom(1)}
      >
        <Icon name="fit" />
      </button>
    </div>
  );
}
