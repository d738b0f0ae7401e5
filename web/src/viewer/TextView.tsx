import { useEffect, useMemo, useRef, useState } from 'react';

import { type Page, documents } from '../api';
import { useWords } from '../i18n';
import { sentenceFor } from '../shell/errors';
import { type Line, linesOf } from './lines';
import { locateQuote } from './quotes';
import { scrollToMiddle } from './scrolling';

interface TextViewProps {
  slug: string;
  documentId: string;
  page: number;
  quote: string;
  onFound: (found: boolean) => void;
  onLabel: (label: string) => void;
}

const around = 300;

export function TextView({ slug, documentId, page, quote, onFound, onLabel }: TextViewProps) {
  const { t } = useWords();
  const [loaded, setLoaded] = useState<Page | null>(null);
  const [error, setError] = useState<unknown>(null);

  useEffect(() => {
    let current = true;
    setLoaded(null);
    setError(null);
    documents.page(slug, documentId, page).then(
      (one) => {
        if (!current) return;
        setLoaded(one);
        onLabel(one.label);
      },
      (reason: unknown) => current && setError(reason),
    );
    return () => {
      current = false;
    };
  }, [slug, documentId, page, onLabel]);

  if (error) return <p className="viewer-loading">{sentenceFor(t, error)}</p>;
  if (!loaded) return <p className="viewer-loading">{t('app.loading')}</p>;
  if (!loaded.text.trim()) return <p className="viewer-loading">{t('view.no_text')}</p>;
  return <Lines key={`${page} ${quote}`} text={loaded.text} quote={quote} onFound={onFound} />;
}

interface LinesProps {
  text: string;
  quote: string;
  onFound: (found: boolean) => void;
}

/** A long file is shown around its quote; the rest comes on demand. */
function Lines({ text, quote, onFound }: LinesProps) {
  const { t } = useWords();
  const lines = useMemo(() => linesOf(text, quote ? locateQuote(text, quote) : []), [text, quote]);
  const marked = lines.findIndex((line) => line.parts.some((part) => part.marked));
  const centre = Math.max(marked, 0);
  const [from, setFrom] = useState(Math.max(0, centre - around));
  const [to, setTo] = useState(centre + around);
  const list = useRef<HTMLDivElement>(null);

  useEffect(() => {
    if (quote) onFound(marked >= 0);
    const mark = list.current?.querySelector('mark');
    if (mark && list.current) scrollToMiddle(list.current, mark);
  }, [quote, marked, onFound]);

  return (
    <div className="text-page" ref={list} tabIndex={0}>
      {from > 0 && (
        <button type="button" className="button small" onClick={() => setFrom(Math.max(0, from - around))}>
          {t('view.earlier')}
        </button>
      )}
      <div className="lines">
        {lines.slice(from, to).map((line) => (
          <LineView key={line.number} line={line} />
        ))}
      </div>
      {to < lines.length && (
        <button type="button" className="button small" onClick={() => setTo(to + around)}>
          {t('view.later')}
        </button>
      )}
    </div>
  );
}

function LineView({ line }: { line: Line }) {
  return (
    <div className="line">
      <span className="line-number" aria-hidden="true">
        {line.number}
      </span>
      <span className="line-text">
        {line.parts.map((part, index) => (part.marked ? <mark key={index}>{part.text}</mark> : part.text))}
      </span>
    </div>
  );
}
