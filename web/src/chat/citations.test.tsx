import { renderToStaticMarkup } from 'react-dom/server';
import { describe, expect, it } from 'vitest';

import type { Citation } from '../api';
import { Answer } from './Answer';
import type { Turn } from './chats';
import { TurnContext } from './turnContext';

function cited(label: number, start: number, more: Partial<Citation> = {}): Citation {
  const document = { id: 'doc_1', name: 'Handbook.pdf' };
  const quote = `quote ${start}`;
  return { label, document, page: 3, locator: 'page 3', quote, verdict: 'supported', start, end: start + 3, ...more };
}

function rendered(answer: string, citations: Citation[]): string {
  const nothing = { retrieval: null, calls: [], confirmation: null, error: null };
  const turn: Turn = { id: 't', question: '', answer, citations, state: 'done', ...nothing };
  return renderToStaticMarkup(
    <TurnContext value={{ turn, slug: 'handbook', onOpen: () => undefined }}>
      <Answer turn={turn} />
    </TurnContext>,
  );
}

const chips = (html: string) => [...html.matchAll(/class="chip[^"]*" href="([^"]*)"/g)].map((match) => match[1]);

describe('an answer', () => {
  it('shows a label that was offered as a link to its page and quote', () => {
    expect(chips(rendered('25 days [1].', [cited(1, 8)]))).toEqual(['/view/handbook/doc_1?page=3&amp;quote=quote+8']);
  });

  it('tells two citations under one label apart by their place, counted in code points', () => {
    const html = rendered('😀😀 25 days [1]. Five more [1].', [cited(1, 11), cited(1, 26)]);
    expect(chips(html).map((href) => href?.split('quote+')[1])).toEqual(['11', '26']);
  });

  it.each([
    ['a label that was never offered', 'See [7].'],
    ['a label in code', '`list[1]`'],
    ['a label in a block of code', '```\nlist[1]\n```'],
  ])('leaves %s as text', (_name, answer) => {
    expect(chips(rendered(answer, [cited(1, 0)]))).toEqual([]);
  });

  it('marks the sentence that its source does not support, and only that one', () => {
    const html = rendered('True. Dogs **may** come [1].', [cited(1, 24, { verdict: 'unsupported' })]);
    expect(html).toContain('True. <mark class="doubtful">Dogs <strong>may</strong> come');
  });

  it.each([
    ['HTML', 'a <img src=x onerror=alert(1)> <script>alert(1)</script> b', /<img|<script/],
    ['a picture from elsewhere', '![x](https://example.org/x.png)', /<img/],
    ['a script address', '[x](javascript:alert(1))', /javascript:/],
    ['a definition that would turn labels into links', 'Yes [1].\n\n[1]: https://example.org', /example\.org/],
  ])('shows no %s', (_name, answer, forbidden) => {
    expect(rendered(answer, [cited(1, 4)])).not.toMatch(forbidden);
  });

  it('opens links elsewhere, without handing anything on', () => {
    expect(rendered('[x](https://example.org)', [])).toContain('target="_blank" rel="noopener noreferrer nofollow"');
  });
});
