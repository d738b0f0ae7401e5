import { describe, expect, it } from 'vitest';

import { shownValue, withStep, withoutTricks } from './calls';

describe('withStep', () => {
  it('puts the steps of a call together and keeps what a later one does not tell', () => {
    const preview = { method: 'POST', host: 'api.example.com', path: '/orders', arguments: { item: 'tea' } };
    let calls = withStep([], { id: 'call_1', name: 'placeOrder', status: 'started' });
    calls = withStep(calls, { id: 'call_1', status: 'arguments' });
    calls = withStep(calls, { id: 'call_1', status: 'running', call: preview });
    calls = withStep(calls, { id: 'call_2', name: 'now', status: 'started' });
    calls = withStep(calls, { id: 'call_1', status: 'done', http_status: 201, size: 40 });
    expect(calls.map(({ name, status, http_status }) => [name, status, http_status])).toEqual([
      ['placeOrder', 'done', 201],
      ['now', 'started', null],
    ]);
    expect(calls[0]?.call).toEqual(preview);
  });
});

describe('what is approved is what is seen', () => {
  it.each([
    ['text that turns its order round', 'pay\u202e001', 'pay⟨U+202E⟩001'],
    ['letters of no width', 'a\u200bb', 'a⟨U+200B⟩b'],
    ['the unseen alphabet of tags', 'a\u{e0041}b', 'a⟨U+E0041⟩b'],
    ['a filler that looks like a space', 'a\u3164b', 'a⟨U+3164⟩b'],
  ])('names %s', (_name, text, shown) => expect(withoutTricks(text)).toBe(shown));

  it.each(['한국어 문장', 'line one\nline two\tend', 'naïve café 😀', '漢字'])('leaves %j as it is', (text) =>
    expect(withoutTricks(text)).toBe(text),
  );

  it('shows what is no text as JSON', () => {
    expect(shownValue({ a: [1, true, null] })).toBe('{\n  "a": [\n    1,\n    true,\n    null\n  ]\n}');
    expect(shownValue('tea')).toBe('tea');
  });
});
