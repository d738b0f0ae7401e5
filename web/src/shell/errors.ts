import { ApiError } from '../api';
import type { Translate } from '../i18n';

/** One sentence for something that went wrong: the service's own where it had one. */
export function sentenceFor(t: Translate, error: unknown): string {
  if (!(error instanceof ApiError)) return t('error.unknown');
  if (error.code === 'unreachable') return t('error.unreachable');
  if (error.code === 'broken_off') return t('error.broken_off');
  return error.message || t('error.unknown');
}
