/** Sizes and times as a person reads them. */

import type { Language } from './i18n';

const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte'] as const;

/** 1536 -> "1.5 kB". */
export function formatSize(bytes: number, language: Language): string {
  const power = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), units.length - 1);
  return new Intl.NumberFormat(language, {
    style: 'unit',
    unit: units[power] ?? 'byte',
    unitDisplay: power === 0 ? 'long' : 'short',
    maximumFractionDigits: power > 1 ? 1 : 0,
  }).format(bytes / 1000 ** power);
}

const steps: [Intl.RelativeTimeFormatUnit, number][] = [
  ['minute', 60],
  ['hour', 3600],
  ['day', 86400],
];

/** Unix seconds -> "5 minutes ago", and a date once that is more than a week. */
export function formatSince(seconds: number, language: Language, now = Date.now() / 1000): string {
  const age = Math.max(now - seconds, 0);
  if (age > 7 * 86400) {
    return new Intl.DateTimeFormat(language, { dateStyle: 'medium' }).format(new Date(seconds * 1000));
  }
  const [unit, length] = steps.findLast(([, step]) => age >= step) ?? ['second' as const, 1];
  const count = unit === 'second' ? 0 : Math.floor(age / length);
  return new Intl.RelativeTimeFormat(language, { numeric: 'auto' }).format(-count, unit);
}

export function formatPercent(share: number, language: Language): string {
  return new Intl.NumberFormat(language, { style: 'percent' }).format(share);
}

/** Seconds ahead -> "in 5 minutes". */
export function formatUntil(seconds: number, language: Language): string {
  const [unit, length] = steps.findLast(([, step]) => seconds >= step) ?? ['second' as const, 1];
  return new Intl.RelativeTimeFormat(language).format(Math.max(Math.floor(seconds / length), 0), unit);
}

/** Milliseconds -> "81 ms", "2.4 sec". */
export function formatDuration(ms: number, language: Language): string {
  const [value, unit] = ms < 1000 ? [ms, 'millisecond'] : [ms / 1000, 'second'];
  const maximumFractionDigits = ms < 1000 ? 0 : 1;
  return new Intl.NumberFormat(language, { style: 'unit', unit, maximumFractionDigits }).format(value);
}

/** Unix seconds -> a date and a time. */
export function formatMoment(seconds: number, language: Language): string {
  return new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' }).format(seconds * 1000);
}
