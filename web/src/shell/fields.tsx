import { type ComponentProps, type ReactNode, useId, useState } from 'react';

import { useWords } from '../i18n';
import { Icon } from './Icon';
import { sentenceFor } from './errors';

interface LabelledProps {
  label: string;
  hint?: string | undefined;
}

export function Field({ label, hint, ...input }: LabelledProps & ComponentProps<'input'>) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input id={id} aria-describedby={hint ? `${id}-hint` : undefined} {...input} />
      {hint && (
        <p className="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
    </div>
  );
}

export function TextField({ label, hint, ...area }: LabelledProps & ComponentProps<'textarea'>) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <textarea id={id} aria-describedby={hint ? `${id}-hint` : undefined} {...area} />
      {hint && (
        <p className="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
    </div>
  );
}

interface ChoiceProps extends LabelledProps, Omit<ComponentProps<'select'>, 'onChange'> {
  options: readonly (readonly [value: string, words: string])[];
  onChoose: (value: string) => void;
}

export function Choice({ label, hint, options, onChoose, ...select }: ChoiceProps) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <select id={id} onChange={(event) => onChoose(event.target.value)} {...select}>
        {options.map(([value, words]) => (
          <option key={value} value={value}>
            {words}
          </option>
        ))}
      </select>
      {hint && <p className="hint">{hint}</p>}
    </div>
  );
}

export function Tick({ label, ...input }: { label: ReactNode } & ComponentProps<'input'>) {
  return (
    <label className="tick">
      <input type="checkbox" {...input} />
      <span>{label}</span>
    </label>
  );
}

/** One sentence on why something was not taken; nothing while all is well. */
export function Problem({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  const { t } = useWords();
  if (error === null || error === undefined) return null;
  return (
    <div className="failure" role="alert">
      <Icon name="alert" />
      <span>{sentenceFor(t, error)}</span>
      {onRetry && (
        <button type="button" className="button small" onClick={onRetry}>
          {t('app.retry')}
        </button>
      )}
    </div>
  );
}

/** A secret that is shown this once, to be copied. */
export function Secret({ label, text, note }: { label: string; text: string; note: string }) {
  const { t } = useWords();
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setCopied(true);
  };
  return (
    <div className="secret" role="status">
      <p>{note}</p>
      <div className="secret-line">
        <input readOnly aria-label={label} value={text} onFocus={(event) => event.target.select()} />
        {window.isSecureContext && (
          <button type="button" className="button small" onClick={() => void copy()}>
            <Icon name={copied ? 'check' : 'copy'} size={15} />
            {copied ? t('chat.copied') : t('app.copy')}
          </button>
        )}
      </div>
    </div>
  );
}
