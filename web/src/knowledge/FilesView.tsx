import type { Assistant, Session } from '../api';
import { shelfOf } from '../api';
import { useWords } from '../i18n';
import type { Place } from '../router';
import { Documents } from './Documents';

interface FilesViewProps {
  assistant: Assistant;
  session: Session;
  onOpen: (place: Place) => void;
  /** Called when documents came or went. */
  onChange: () => Promise<void>;
}

/** The files that an assistant answers from. */
export function FilesView({ assistant, session, onOpen, onChange }: FilesViewProps) {
  const { t } = useWords();
  return (
    <section className="files">
      <div className="column wide">
        <h1>{t('files.title', { name: assistant.name })}</h1>
        <p className="files-intro">{t('files.intro')}</p>
        <Documents
          shelf={shelfOf.assistant(assistant.slug)}
          name={assistant.name}
          reader={assistant.slug}
          mayEdit={session.role !== 'viewer'}
          onOpen={onOpen}
          onChange={onChange}
        />
      </div>
    </section>
  );
}
