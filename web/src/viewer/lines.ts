import type { Span } from './quotes';

export interface Line {
  number: number;
  parts: { text: string; marked: boolean }[];
}

/** A text cut into its lines, and each line into what is marked and what is not. */
export function linesOf(text: string, spans: readonly Span[]): Line[] {
  const sorted = [...spans].sort((a, b) => a.start - b.start);
  let offset = 0;
  return text.split('\n').map((line, index) => {
    const parts = partsOf(line, offset, sorted);
    offset += line.length + 1;
    return { number: index + 1, parts };
  });
}

function partsOf(line: string, offset: number, spans: readonly Span[]): Line['parts'] {
  const parts: Line['parts'] = [];
  let at = 0;
  const push = (end: number, marked: boolean) => {
    if (end > at) parts.push({ text: line.slice(at, end), marked });
    at = Math.max(at, end);
  };
  for (const { start, end } of spans) {
    if (end <= offset || start >= offset + line.length) continue;
    push(Math.max(start - offset, 0), false);
    push(Math.min(end - offset, line.length), true);
  }
  push(line.length, false);
  return parts;
}
