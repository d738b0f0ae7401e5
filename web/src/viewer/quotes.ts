/** Finding a quote in the text of a page, although the two were extracted by different readers. */

export interface Span {
  start: number;
  /** Exclusive; like start, a UTF-16 offset into the page's text. */
  end: number;
}

interface Folded {
  letters: string;
  starts: number[];
  ends: number[];
}

const kept = /[\p{L}\p{N}]/u;

/** Letters and digits only, decomposed and in lower case: white space, hyphens at line ends, ligatures,
 *  typographic quotes and composed or decomposed Hangul all come out the same. */
function fold(text: string): Folded {
  const letters: string[] = [];
  const starts: number[] = [];
  const ends: number[] = [];
  let offset = 0;
  for (const character of text) {
    const start = offset;
    offset += character.length;
    for (const unit of character.normalize('NFKD').toLowerCase()) {
      if (!kept.test(unit)) continue;
      for (const half of unit.split('')) {
        letters.push(half);
        starts.push(start);
        ends.push(offset);
      }
    }
  }
  return { letters: letters.join(''), starts, ends };
}

const seedLength = 18;
const enough = 0.6;

interface Run {
  at: number;
  length: number;
}

/** The stretches of `needle` that stand in `haystack`, longest first choice from left to right. */
function commonRuns(haystack: string, needle: string): Run[] {
  const runs: Run[] = [];
  let from = 0;
  let i = 0;
  while (i + seedLength <= needle.length) {
    const seed = needle.slice(i, i + seedLength);
    const after = haystack.indexOf(seed, from);
    const at = after >= 0 ? after : haystack.indexOf(seed);
    if (at < 0) {
      i += 1;
      continue;
    }
    let length = seedLength;
    while (i + length < needle.length && haystack[at + length] === needle[i + length]) length += 1;
    runs.push({ at, length });
    from = at + length;
    i += length;
  }
  return runs;
}

/** Where `quote` stands in `text`: one span, several when the page's order of text differs, none when less
 *  than three fifths of it can be found. */
export function locateQuote(text: string, quote: string): Span[] {
  const page = fold(text);
  const needle = fold(quote).letters;
  if (!needle) return [];
  const at = page.letters.indexOf(needle);
  const runs = at >= 0 ? [{ at, length: needle.length }] : commonRuns(page.letters, needle);
  const found = runs.reduce((sum, run) => sum + run.length, 0);
  if (found < needle.length * enough) return [];
  return runs.map((run) => ({
    start: page.starts[run.at] ?? 0,
    end: page.ends[run.at + run.length - 1] ?? 0,
  }));
}
