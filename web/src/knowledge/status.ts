import type { KnowledgeDocument } from '../api';
import type { Translate } from '../i18n';

/** "Reading page 3 of 40": where a document is, in words. */
export function statusWords(t: Translate, { status, progress }: KnowledgeDocument): string {
  const { pages_read, pages_total, chunks_embedded, chunks_total } = progress;
  if (status === 'reading' && pages_total) {
    return t('files.reading_page', { n: Math.min(pages_read + 1, pages_total), total: pages_total });
  }
  if (status === 'reading' && pages_read > 0) return t('files.reading_open', { n: pages_read });
  if (status === 'embedding' && chunks_total) {
    return t('files.embedding_chunk', { n: chunks_embedded, total: chunks_total });
  }
  return t(`files.${status}`);
}

/** 0 to 1 for the stage that runs, null when its length is not known. */
export function shareDone({ status, progress }: KnowledgeDocument): number | null {
  const { pages_read, pages_total, chunks_embedded, chunks_total } = progress;
  if (status === 'reading' && pages_total) return pages_read / pages_total;
  if (status === 'embedding' && chunks_total) return chunks_embedded / chunks_total;
  return null;
}
