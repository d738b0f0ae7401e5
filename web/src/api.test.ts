import { describe, expect, it } from 'vitest';

import { readEvents } from './api';

function streamOf(...pieces: Uint8Array[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const piece of pieces) controller.enqueue(piece);
      controller.close();
    },
  });
}

async function payloads(...pieces: (string | Uint8Array)[]): Promise<string[]> {
  const encoder = new TextEncoder();
  const bytes = pieces.map((piece) => (typeof piece === 'string' ? encoder.encode(piece) : piece));
  const found: string[] = [];
  for await (const payload of readEvents(streamOf(...bytes))) found.push(payload);
  return found;
}

describe('readEvents', () => {
  it.each([
    ['an event in one piece', ['data: a\n\n'], ['a']],
    ['two events in one piece', ['data: a\n\ndata: b\n\n'], ['a', 'b']],
    ['an event in three pieces', ['da', 'ta: a', 'b\n\n'], ['ab']],
    ['line ends of two characters, torn apart', ['data: a\r', '\n\r', '\ndata: b\r\n\r\n'], ['a', 'b']],
    ['no space behind the colon', ['data:a\n\n'], ['a']],
    ['comments and other fields', [': ping\n\nevent: x\nid: 3\ndata: a\n\n'], ['a']],
    ['an event of several lines', ['data: a\ndata: b\n\n'], ['a\nb']],
    ['a last event without its empty line', ['data: a'], ['a']],
    ['nothing', [], []],
  ])('reads %s', async (_name, pieces, expected) => {
    expect(await payloads(...pieces)).toEqual(expected);
  });

  it('puts a Korean letter together that was torn between two pieces', async () => {
    const bytes = new TextEncoder().encode('data: 휴가\n\n');
    expect(await payloads(bytes.slice(0, 8), bytes.slice(8))).toEqual(['휴가']);
  });
});
