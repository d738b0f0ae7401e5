import { describe, expect, it } from 'vitest';

import { linesOf } from './lines';
import { locateQuote } from './quotes';

function found(text: string, quote: string): string[] {
  return locateQuote(text, quote).map(({ start, end }) => text.slice(start, end));
}

describe('locateQuote', () => {
  it.each([
    ['as it stands', 'One. Two days of leave. Three.', 'Two days of leave', 'Two days of leave'],
    ['across line ends', 'Two\ndays  of\nleave.', 'Two days of leave', 'Two\ndays  of\nleave'],
    ['hyphenated at a line end', 'each calen-\ndar year', 'each calendar year', 'each calen-\ndar year'],
    ['with a soft hyphen', 'calen\u00addar year', 'calendar year', 'calen\u00addar year'],
    ['with ligatures', 'the ﬁnal oﬃce', 'the final office', 'the ﬁnal oﬃce'],
    ['with other quotation marks', 'the “old” rule', 'the "old" rule', 'the “old” rule'],
    ['in other letter case', 'PAID LEAVE', 'Paid leave', 'PAID LEAVE'],
    ['in decomposed Hangul', '유급휴가를 준다'.normalize('NFD'), '유급휴가', '유급휴가'.normalize('NFD')],
    ['in Hangul without its spaces', '15일의유급휴가를준다', '15일의 유급 휴가', '15일의유급휴가'],
    ['behind a letter of two halves', '😀𝒜 leave of absence', 'leave of absence', 'leave of absence'],
  ])('finds a quote %s', (_name, text, quote, expected) => {
    expect(found(text, quote)).toEqual([expected]);
  });

  it('finds the parts of a quote that the page breaks up', () => {
    const text = 'Employees accrue 25 days of leave Footer 12 and may carry five days over to March';
    const quote = 'Employees accrue 25 days of leave and may carry five days over to March';
    expect(found(text, quote)).toEqual(['Employees accrue 25 days of leave', 'and may carry five days over to March']);
  });

  it.each([
    ['does not stand there', 'A page about something else entirely, in so many words.', 'Dogs may come along on every trip'],
    ['is mostly not there', 'Employees accrue 25 days.', 'Employees accrue 25 days. Dogs may come along on every trip they make.'],
    ['has no letters', 'a – b', ' – '],
  ])('finds nothing when the quote %s', (_name, text, quote) => {
    expect(found(text, quote)).toEqual([]);
  });
});

describe('linesOf', () => {
  it('cuts a mark that runs over a line end', () => {
    const text = 'one two\nthree four\nfive';
    const lines = linesOf(text, [{ start: 4, end: 13 }]);
    expect(lines.map(({ parts }) => parts.filter(({ marked }) => marked).map((part) => part.text))).toEqual([
      ['two'],
      ['three'],
      [],
    ]);
    expect(lines.map(({ parts }) => parts.map((part) => part.text).join('')).join('\n')).toBe(text);
  });
});
