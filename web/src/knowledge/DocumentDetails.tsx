import { type FormEvent, useState } from 'react';

import { type KnowledgeDocument, type Shelf, documents as api } from '../api';
import { counted, useWords } from '../i18n';
import { Field, Problem, TextField } from '../shell/fields';
import { useLoaded } from '../shell/useLoaded';
import { useWork } from '../shell/useWork';
import { readAttributes, writtenAttributes } from './attributes';

interface DocumentDetailsProps {
  shelf: Shelf;
  document: KnowledgeDocument;
  /** Null for those who may only read. */
  onChanged: ((document: KnowledgeDocument) => void) | null;
}

/** The status page of a document: what is searched of each page, what was kept, what it is tagged with. */
export function DocumentDetails({ shelf, document, onChanged }: DocumentDetailsProps) {
  const { t } = useWords();
  const { value: pages, error } = useLoaded(`${document.id} ${document.updated_at}`, () => api.pages(shelf, document.id));
  const { chunks_embedded, chunks_reused } = document.progress;
  return (
    <div className="details">
      <dl className="facts">
        <Fact name={t('details.pages')} value={document.pages} />
        <Fact name={t('details.chunks')} value={document.chunks} />
        <Fact name={t('details.embedded')} value={chunks_embedded} />
        <Fact name={t('details.reused')} value={chunks_reused} />
      </dl>
      <Problem error={error} />
      {pages && pages.length > 0 && (
        <details className="pages">
          <summary>{t('details.by_page')}</summary>
          <ul>
            {pages.map((page) => (
              <li key={page.number} data-empty={page.chunks === 0 || undefined}>
                <span>{page.label}</span>
                <span>{counted(t, 'files.chunks', page.chunks)}</span>
                <span>{t('details.characters', { n: page.characters.toLocaleString() })}</span>
              </li>
            ))}
          </ul>
        </details>
      )}
      {onChanged && <Edit key={document.updated_at} shelf={shelf} document={document} onChanged={onChanged} />}
    </div>
  );
}

function Fact({ name, value }: { name: string; value: number }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value.toLocaleString()}</dd>
    </div>
  );
}

interface EditProps extends DocumentDetailsProps {
  onChanged: (document: KnowledgeDocument) => void;
}

function Edit({ shelf, document, onChanged }: EditProps) {
  const { t } = useWords();
  const [name, setName] = useState(document.name);
  const [attributes, setAttributes] = useState(() => writtenAttributes(document.attributes));
  const { working, problem, run } = useWork();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const change = { name: name.trim(), attributes: readAttributes(attributes) };
    void run(async () => onChanged(await api.change(shelf, document.id, change)));
  };
  return (
    <form onSubmit={submit}>
      <div className="fields">
        <Field label={t('details.name')} required value={name} onChange={(event) => setName(event.target.value)} />
        <TextField
          label={t('details.attributes')}
          hint={t('details.attributes_hint')}
          rows={3}
          value={attributes}
          onChange={(event) => setAttributes(event.target.value)}
        />
      </div>
      <Problem error={problem} />
      <button type="submit" className="button small" disabled={working || !name.trim()}>
        {t('app.save')}
      </button>
    </form>
  );
}
