import { seededRandom } from '@rookery/core/testing';
import { describe, expect, it } from 'vitest';
import { readEvents, type ServerEvent } from './event-lines.js';

async function* chunks(...texts: (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield typeof text === 'string' ? Buffer.from(text) : text;
}

async function all(source: AsyncIterable<Uint8Array>): Promise<ServerEvent[]> {
  const events: ServerEvent[] = [];
  for await (const event of readEvents(source)) events.push(event);
  return events;
}

describe('readEvents', () => {
  it('reads events, comments and fields it does not know', async () => {
    const text = ': hello\n\nid: 7\nevent: registry\ndata: {"version":1}\n\ndata:a\ndata: b\n\n';
    expect(await all(chunks(text))).toEqual([
      { event: 'registry', data: '{"version":1}' },
      { event: 'message', data: 'a\nb' },
    ]);
  });

  it('does not care where the bytes are cut, nor how lines end', async () => {
    const events = Array.from({ length: 5 }, (_, i) => `event: e${i}\ndata: grün ${i}\n\n`).join(
      '',
    );
    for (const text of [events, events.replaceAll('\n', '\r\n')]) {
      const expected = await all(chunks(text));
      expect(expected).toHaveLength(5);
      const bytes = Buffer.from(text);
      for (let seed = 1; seed <= 100; seed++) {
        const random = seededRandom(seed);
        const parts: Uint8Array[] = [];
        for (let at = 0; at < bytes.length;) {
          const length = 1 + Math.floor(random() * 12);
          parts.push(bytes.subarray(at, at + length));
          at += length;
        }
        expect(await all(chunks(...parts)), `seed ${seed}`).toEqual(expected);
      }
    }
  });

  it('gives up on a line without end', async () => {
    await expect(all(chunks('data: ', 'x'.repeat(70_000)))).rejects.toThrow('has no end');
  });
});
