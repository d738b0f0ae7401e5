/** Labels such as [2] in an answer, turned into elements that can be pointed at. */

import type { Element, ElementContent, Parents, Root, Text } from 'hast';

import type { Citation } from '../api';

export interface CitationOptions {
  /** The answer's markdown: labels are matched to citations by their place in it. */
  answer: string;
  citations: readonly Citation[];
  /** Labels that were offered to the model; anything else in brackets stays text. */
  labels: ReadonlySet<number>;
}

const labelPattern = /\[(\d{1,3})\]/g;
const untouched = new Set(['a', 'code', 'pre']);

/** A rehype plugin: `[2]` becomes <cite data-label="2" data-citation="index into citations">, and the words
 *  before a label whose source does not support them are wrapped in <mark>. */
export function rehypeCitations(options: CitationOptions) {
  return (tree: Root) => rewrite(tree, options);
}

function rewrite(parent: Parents, options: CitationOptions): void {
  const children: ElementContent[] = [];
  for (const child of parent.children as ElementContent[]) {
    if (child.type === 'text') {
      for (const part of split(child, options)) {
        if (isChip(part)) glueTo(children.at(-1));
        children.push(part);
        if (isUnsupported(part, options.citations)) markClaim(children);
      }
      continue;
    }
    if (child.type === 'element' && !untouched.has(child.tagName)) rewrite(child, options);
    children.push(child);
  }
  parent.children = children;
}

/** Keeps a label on the line of the word it stands behind. */
function glueTo(before: ElementContent | undefined): void {
  if (before?.type === 'text') before.value = `${before.value.trimEnd()}\u2060`;
}

function split(text: Text, options: CitationOptions): ElementContent[] {
  const parts: ElementContent[] = [];
  let from = 0;
  for (const match of text.value.matchAll(labelPattern)) {
    const label = Number(match[1]);
    if (!options.labels.has(label)) continue;
    if (match.index > from) parts.push({ type: 'text', value: text.value.slice(from, match.index) });
    const offset = (text.position?.start.offset ?? 0) + match.index;
    parts.push(chip(label, citationAt(label, offset, options)));
    from = match.index + match[0].length;
  }
  if (from === 0) return [text];
  if (from < text.value.length) parts.push({ type: 'text', value: text.value.slice(from) });
  return parts;
}

function chip(label: number, citation: number): Element {
  const properties = { 'data-label': label, 'data-citation': citation };
  return { type: 'element', tagName: 'cite', properties, children: [{ type: 'text', value: String(label) }] };
}

/** Index of the citation with this label that stands nearest to the offset; -1 when there is none (yet). */
function citationAt(label: number, offset: number, { answer, citations }: CitationOptions): number {
  const place = [...answer.slice(0, offset)].length; // the service counts code points
  let nearest = -1;
  let distance = Infinity;
  citations.forEach((citation, index) => {
    const away = Math.abs(citation.start - place);
    if (citation.label !== label || away >= distance) return;
    nearest = index;
    distance = away;
  });
  return nearest;
}

function isChip(node: ElementContent): boolean {
  return node.type === 'element' && node.tagName === 'cite';
}

function isUnsupported(node: ElementContent, citations: readonly Citation[]): boolean {
  if (node.type !== 'element' || !isChip(node)) return false;
  return citations[Number(node.properties['data-citation'])]?.verdict === 'unsupported';
}

/** Where the last sentence of a text begins: after the last end of a sentence that has words behind it. */
function lastSentence(text: string): number {
  let start = 0;
  for (const match of text.matchAll(/(?:[.!?。！？]["”’)]?\s+|\n)(?=\S)/g)) start = match.index + match[0].length;
  return start;
}

/** Wraps the sentence that ends at the last node (a label) in <mark>. */
function markClaim(nodes: ElementContent[]): void {
  let end = nodes.length - 1;
  while (end > 0 && isChip(nodes[end - 1] as ElementContent)) end -= 1;
  let from = end;
  let kept: Text | null = null;
  while (from > 0) {
    const node = nodes[from - 1] as ElementContent;
    if (isChip(node) || (node.type === 'element' && ['mark', 'br'].includes(node.tagName))) break;
    from -= 1;
    if (node.type !== 'text') continue;
    const start = lastSentence(node.value);
    if (start === 0) continue;
    kept = { type: 'text', value: node.value.slice(0, start) };
    nodes[from] = { type: 'text', value: node.value.slice(start) };
    break;
  }
  const claim = nodes.slice(from, end);
  if (claim.length === 0) return;
  const mark: Element = { type: 'element', tagName: 'mark', properties: {}, children: claim };
  nodes.splice(from, end - from, ...(kept ? [kept, mark] : [mark]));
}
