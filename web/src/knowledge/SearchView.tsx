import { type Assistant, shelfOf } from '../api';
import { useWords } from '../i18n';
import type { Place } from '../router';
import { Inspector } from './Inspector';

/** The search of an assistant, for those who write its instruction and choose its files. */
export function SearchView({ assistant, onOpen }: { assistant: Assistant; onOpen: (place: Place) => void }) {
  const { t } = useWords();
  return (
    <section className="files">
      <div className="column wide">
        <h1>{t('inspect.title')}</h1>
        <p className="files-intro">{t('inspect.intro')}</p>
        <Inspector shelf={shelfOf.assistant(assistant.slug)} reader={assistant.slug} onOpen={onOpen} />
      </div>
    </section>
  );
}
