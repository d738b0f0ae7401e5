import type { AttributeValue } from '../api';

/** One attribute a line, "name: value", as people write and read them. */
export function writtenAttributes(attributes: Record<string, AttributeValue>): string {
  return Object.entries(attributes)
    .map(([name, value]) => `${name}: ${typeof value === 'string' && typed(value) !== value ? JSON.stringify(value) : value}`)
    .join('\n');
}

/** The attributes of such lines; lines without a colon are names of tags that are true. */
export function readAttributes(text: string): Record<string, AttributeValue> {
  const found: Record<string, AttributeValue> = {};
  for (const line of text.split('\n')) {
    const [name = '', ...rest] = line.split(':');
    if (name.trim()) found[name.trim()] = rest.length === 0 ? true : typed(rest.join(':').trim());
  }
  return found;
}

/** "2026" is a number and "true" a truth value; in quotes they are text. */
function typed(text: string): AttributeValue {
  if (text === 'true' || text === 'false') return text === 'true';
  if (/^-?\d{1,15}(\.\d{1,10})?$/.test(text) && !/^-?0\d/.test(text)) return Number(text);
  if (!/^".*"$/.test(text)) return text;
  try {
    return String(JSON.parse(text));
  } catch {
    return text;
  }
}
