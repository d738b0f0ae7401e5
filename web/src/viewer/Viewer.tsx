import { type ReactNode, Suspense, lazy, useCallback, useEffect, useState } from 'react';

import { ApiError, type KnowledgeDocument, documents } from '../api';
import { useWords } from '../i18n';
import type { Place } from '../router';
import { Icon } from '../shell/Icon';
import { sentenceFor } from '../shell/errors';
import { Paging } from './Paging';
import { TextView } from './TextView';

const PdfView = lazy(() => import('./PdfView'));

interface ViewerProps {
  place: Place;
  onName?: (name: string) => void;
  /** Stands before and behind the document's name. */
  before?: ReactNode;
  after?: ReactNode;
}

const zooms = [0.5, 0.67, 0.8, 1, 1.25, 1.5, 2, 3];

/** A document at a page, with the quote marked. */
export function Viewer({ place, onName, before, after }: ViewerProps) {
  const { t } = useWords();
  const { document, error } = useDocument(place);
  const [page, setPage] = useState(place.page);
  const [pages, setPages] = useState<number | null>(null);
  const [label, setLabel] = useState('');
  const [zoom, setZoom] = useState(1);
  const [found, setFound] = useState<boolean | null>(null);
  const [broken, setBroken] = useState(false);

  useEffect(() => {
    setPage(place.page);
    setFound(null);
  }, [place]);

  const name = document?.name;
  useEffect(() => {
    if (name) onName?.(name);
  }, [name, onName]);

  const onBroken = useCallback(() => setBroken(true), []);
  const asPdf = document?.media_type === 'application/pdf' && !broken;
  const quote = page === place.page ? place.quote : '';
  const total = asPdf ? pages : (document?.pages ?? null);

  return (
    <>
      <div className="viewer-bar">
        {before}
        <div className="viewer-name" title={document?.name}>
          {document?.name}
        </div>
        {document && (
          <a
            className="icon-button"
            href={documents.fileUrl(place.slug, place.documentId)}
            target="_blank"
            rel="noopener"
            aria-label={t('view.download')}
            title={t('view.download')}
          >
            <Icon name="download" />
          </a>
        )}
        {after}
      </div>
      {document && (
        <Paging
          page={page}
          total={total}
          label={asPdf ? '' : label}
          onPage={setPage}
          zoom={asPdf ? { value: zoom, steps: zooms, onZoom: setZoom } : null}
        />
      )}
      {quote && (
        <figure className="viewer-quote">
          <figcaption>{t('view.quote')}</figcaption>
          <blockquote>{quote}</blockquote>
          {found === false && <p role="status">{t('view.not_found')}</p>}
        </figure>
      )}
      {broken && <p className="viewer-note">{t('view.broken_pdf')}</p>}
      <div className="viewer-body">
        {error !== null && <Gone error={error} />}
        {document && asPdf && (
          <Suspense fallback={<p className="viewer-loading">{t('app.loading')}</p>}>
            <PdfView
              url={documents.fileUrl(place.slug, place.documentId)}
              page={page}
              zoom={zoom}
              quote={quote}
              onPages={setPages}
              onFound={setFound}
              onBroken={onBroken}
            />
          </Suspense>
        )}
        {document && !asPdf && (
          <TextView
            slug={place.slug}
            documentId={place.documentId}
            page={page}
            quote={quote}
            onFound={setFound}
            onLabel={setLabel}
          />
        )}
      </div>
    </>
  );
}

function useDocument({ slug, documentId }: Place) {
  const [document, setDocument] = useState<KnowledgeDocument | null>(null);
  const [error, setError] = useState<unknown>(null);
  useEffect(() => {
    let current = true;
    setDocument(null);
    setError(null);
    documents.read(slug, documentId).then(
      (one) => current && setDocument(one),
      (reason: unknown) => current && setError(reason),
    );
    return () => {
      current = false;
    };
  }, [slug, documentId]);
  return { document, error };
}

function Gone({ error }: { error: unknown }) {
  const { t } = useWords();
  const gone = error instanceof ApiError && error.status === 404;
  return (
    <p className="viewer-loading" role="alert">
      {gone ? t('view.gone') : sentenceFor(t, error)}
    </p>
  );
}
