import { useWords } from '../i18n';
import { type Place, assistantAddress, followInPage, navigate } from '../router';
import { Mark } from '../shell/Mark';
import { Viewer } from './Viewer';

function entitle(name: string): void {
  document.title = `${name} · Doumi`;
}

/** A document in a page of its own: where the citations of the API point to. */
export function ViewPage({ place }: { place: Place }) {
  const { t } = useWords();
  const home = assistantAddress(place.slug);
  return (
    <main className="viewer alone">
      <Viewer
        key={place.documentId}
        place={place}
        onName={entitle}
        before={
          <a
            className="icon-button"
            href={home}
            aria-label={t('view.back')}
            title={t('view.back')}
            onClick={(event) => followInPage(event, () => navigate(home))}
          >
            <Mark size={24} />
          </a>
        }
      />
    </main>
  );
}
