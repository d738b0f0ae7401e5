import { type FormEvent, useState } from 'react';

import { type Passage, type SearchResult, type Shelf, documents } from '../api';
import { formatDuration } from '../format';
import { useWords } from '../i18n';
import { type Place, followInPage, viewAddress } from '../router';
import { Icon } from '../shell/Icon';
import { Problem } from '../shell/fields';
import { useWork } from '../shell/useWork';

interface InspectorProps {
  shelf: Shelf;
  /** Slug of an assistant that reads the shelf; null where none does. */
  reader: string | null;
  onOpen: (place: Place) => void;
}

const stages = ['dense', 'lexical', 'fused', 'rerank'] as const;

/** A search as an answer would make it, with what each stage thought and what the floor cut. */
export function Inspector({ shelf, reader, onOpen }: InspectorProps) {
  const { t, language } = useWords();
  const [query, setQuery] = useState('');
  const [result, setResult] = useState<SearchResult | null>(null);
  const { working, problem, run } = useWork();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void run(async () => setResult(await documents.search(shelf, query.trim(), null)));
  };
  const list = (passages: readonly Passage[]) =>
    passages.map((passage, at) => <PassageRow key={at} passage={passage} reader={reader} onOpen={onOpen} />);

  return (
    <>
      <form className="search-line" role="search" onSubmit={submit}>
        <input
          aria-label={t('inspect.query')}
          placeholder={t('inspect.query')}
          value={query}
          onChange={(event) => setQuery(event.target.value)}
        />
        <button type="submit" className="button primary" disabled={working || !query.trim()}>
          <Icon name="search" size={16} />
          {t('inspect.search')}
        </button>
      </form>
      <Problem error={problem} />
      {result && (
        <div className="inspected" aria-live="polite">
          <p className="row-facts">
            <span>{t('inspect.searched', { query: result.query })}</span>
            <span>{t('inspect.answerability', { n: result.answerability.toFixed(2) })}</span>
            {Object.entries(result.weights).map(([leg, weight]) => (
              <span key={leg}>
                {leg} × {weight.toFixed(2)}
              </span>
            ))}
            <span>{formatDuration(result.took_ms, language)}</span>
          </p>
          {result.passages.length === 0 && <p className="files-none">{t('inspect.nothing')}</p>}
          <ol className="passages">{list(result.passages)}</ol>
          {result.below_floor.length > 0 && (
            <details className="below">
              <summary>{t('inspect.below', { n: result.below_floor.length })}</summary>
              <ol className="passages">{list(result.below_floor)}</ol>
            </details>
          )}
        </div>
      )}
    </>
  );
}

interface PassageRowProps {
  passage: Passage;
  reader: string | null;
  onOpen: (place: Place) => void;
}

function PassageRow({ passage, reader, onOpen }: PassageRowProps) {
  const { t } = useWords();
  const { document, page, locator, section, relevance, scores, text } = passage;
  const place = reader === null ? null : { slug: reader, documentId: document.id, page, quote: text.slice(0, 300) };
  const title = [document.name, locator, ...section].join(' › ');
  return (
    <li>
      <div className="passage-top">
        {place ? (
          <a href={viewAddress(place)} onClick={(event) => followInPage(event, () => onOpen(place))}>
            {title}
          </a>
        ) : (
          <span>{title}</span>
        )}
        <meter min={0} max={1} value={relevance} title={relevance.toFixed(2)} aria-label={t('inspect.relevance')} />
      </div>
      <p className="passage-text">{text}</p>
      <p className="row-facts">
        <span>
          {t('inspect.relevance')} {relevance.toFixed(2)}
        </span>
        {stages.map((stage) => (
          <span key={stage}>
            {t(`inspect.${stage}`)} {scores[stage]?.toFixed(2) ?? '–'}
          </span>
        ))}
      </p>
    </li>
  );
}
