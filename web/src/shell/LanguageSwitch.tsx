import { type Language, setLanguage, useWords } from '../i18n';

const names: Record<Language, string> = { en: 'English', ko: '한국어' };

export function LanguageSwitch() {
  const { t, language } = useWords();
  return (
    <div className="language" role="group" aria-label={t('account.language')}>
      {(['ko', 'en'] as const).map((choice) => (
        <button
          key={choice}
          type="button"
          lang={choice}
          aria-pressed={choice === language}
          onClick={() => setLanguage(choice)}
        >
          {names[choice]}
        </button>
      ))}
    </div>
  );
}
