import { counted, type Translate, useWords } from '../i18n';
import type { Retrieval } from '../api';
import { followInPage, viewAddress } from '../router';
import { Icon } from '../shell/Icon';
import { useTurn } from './turnContext';

function summary(t: Translate, retrieval: Retrieval): string {
  if (retrieval.status === 'used') return counted(t, 'chat.used', retrieval.passages.length);
  if (retrieval.status === 'empty') return t('chat.empty');
  return retrieval.reason ? t('chat.skipped_because', { reason: retrieval.reason }) : t('chat.skipped');
}

/** What was searched for this answer, and what came of it; opens to the passages. */
export function RetrievalLine({ retrieval }: { retrieval: Retrieval }) {
  const { t } = useWords();
  const { slug, onOpen } = useTurn();
  const words = (
    <>
      <Icon name="search" size={14} />
      {summary(t, retrieval)}
    </>
  );
  if (retrieval.passages.length === 0) return <div className="retrieval">{words}</div>;
  return (
    <details className="retrieval">
      <summary>
        {words}
        <Icon name="chevronDown" size={14} />
      </summary>
      {retrieval.query && <p className="retrieval-query">{t('chat.query', { query: retrieval.query })}</p>}
      <ol>
        {retrieval.passages.map((passage) => {
          const place = { slug, documentId: passage.document.id, page: passage.page, quote: '' };
          return (
            <li key={passage.label}>
              <a href={viewAddress(place)} onClick={(event) => followInPage(event, () => onOpen(place))}>
                <span className="source-label">{passage.label}</span>
                <span className="passage-name">{passage.document.name}</span>
                <span className="passage-locator">{passage.locator}</span>
              </a>
              <meter min={0} max={1} value={passage.relevance} title={passage.relevance.toFixed(2)} />
            </li>
          );
        })}
      </ol>
    </details>
  );
}
