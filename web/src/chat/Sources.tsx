import type { Citation } from '../api';
import { useWords } from '../i18n';
import { followInPage, viewAddress } from '../router';
import { placeOf, useTurn } from './turnContext';

/** One entry per place that is cited, in the order of first mention. */
export function Sources() {
  const { t } = useWords();
  const { turn, slug, onOpen } = useTurn();
  const places = new Map<string, Citation>();
  for (const citation of turn.citations) {
    const key = `${citation.label} ${citation.document.id} ${citation.page}`;
    if (!places.has(key)) places.set(key, citation);
  }
  if (places.size === 0) return null;
  return (
    <section className="sources" aria-label={t('chat.sources')}>
      <ul>
        {[...places].map(([key, citation]) => (
          <li key={key}>
            <a
              className={citation.verdict === 'unsupported' ? 'unsupported' : undefined}
              href={viewAddress(placeOf(slug, citation))}
              title={citation.quote}
              onClick={(event) => followInPage(event, () => onOpen(placeOf(slug, citation)))}
            >
              <span className="source-label">{citation.label}</span>
              <span className="source-words">
                <span className="source-name">{citation.document.name}</span>
                <span className="source-locator">{citation.locator}</span>
              </span>
            </a>
          </li>
        ))}
      </ul>
    </section>
  );
}
