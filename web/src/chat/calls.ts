import type { CallStep, ToolCall } from '../api';

/** The calls of an answer with what a step tells: of a new call, or more of a known one. */
export function withStep(calls: readonly ToolCall[], step: CallStep): ToolCall[] {
  const known = calls.find(({ id }) => id === step.id);
  if (known) return calls.map((call) => (call === known ? { ...call, ...defined(step) } : call));
  const fresh = { name: '', call: null, error: null, http_status: null, size: 0, took_ms: 0, sign_in_url: null };
  return [...calls, { ...fresh, ...defined(step) }];
}

function defined(step: CallStep): CallStep {
  const { id, status, name, call, error, http_status, size, took_ms, sign_in_url } = step;
  const told = { name, call, error, http_status, size, took_ms, sign_in_url };
  return { id, status, ...Object.fromEntries(Object.entries(told).filter(([, value]) => value !== undefined)) };
}

// Characters that are not seen or turn the order of others round: what one approves must be what one sees.
const unseen = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb]|[\u{e0000}-\u{e0fff}]/gu;

/** The text with each unseen character named: "a⟨U+202E⟩b". */
export function withoutTricks(text: string): string {
  return text.replace(unseen, (one) => `⟨U+${(one.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}⟩`);
}

/** A value of an argument as a person reads it: text as it is, anything else as JSON. */
export function shownValue(value: unknown): string {
  return withoutTricks(typeof value === 'string' ? value : (JSON.stringify(value, null, 2) ?? ''));
}
