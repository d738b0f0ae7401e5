import { describe, expect, it } from 'vitest';

import { readAttributes, writtenAttributes } from './attributes';

describe('attributes as lines', () => {
  it('are read as text, numbers, truth values and tags', () => {
    const text = 'department: hr\nyear: 2026\ndraft: false\nurgent\n부서: 인사\nzip: 04524\nat: 10:30\n\n';
    expect(readAttributes(text)).toEqual({
      department: 'hr',
      year: 2026,
      draft: false,
      urgent: true,
      부서: '인사',
      zip: '04524',
      at: '10:30',
    });
  });

  it.each([{ year: 2026 }, { year: '2026' }, { on: true }, { on: 'true' }, { note: '"quoted"' }, { ratio: -0.5 }])(
    'come back as they were: %j',
    (attributes) => expect(readAttributes(writtenAttributes(attributes))).toEqual(attributes),
  );
});
