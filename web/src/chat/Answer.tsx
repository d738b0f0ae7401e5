import type { Root } from 'mdast';
import { memo, useMemo } from 'react';
import Markdown, { type Components } from 'react-markdown';
import remarkGfm from 'remark-gfm';

import { CitationChip } from './CitationChip';
import { rehypeCitations } from './citations';
import type { Turn } from './chats';

const allowedElements = [
  'a', 'blockquote', 'br', 'cite', 'code', 'del', 'em', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'hr', 'input', 'li',
  'mark', 'ol', 'p', 'pre', 'strong', 'table', 'tbody', 'td', 'th', 'thead', 'tr', 'ul',
];

/** A line "[1]: address" in an answer would turn every [1] into a link: definitions are dropped. */
function remarkWithoutDefinitions() {
  return (tree: Root) => {
    tree.children = tree.children.filter((node) => node.type !== 'definition');
  };
}

const components: Components = {
  a: ({ href, children }) => (
    <a href={href} target="_blank" rel="noopener noreferrer nofollow">
      {children}
    </a>
  ),
  cite: ({ node }) => (
    <CitationChip
      label={Number(node?.properties['data-label'])}
      citation={Number(node?.properties['data-citation'])}
    />
  ),
  mark: ({ children }) => <mark className="doubtful">{children}</mark>,
  table: ({ children }) => (
    <div className="table-scroll" tabIndex={0}>
      <table>{children}</table>
    </div>
  ),
};

/** The answer's markdown: no HTML, no pictures, only the elements above, labels as chips. */
export const Answer = memo(function Answer({ turn }: { turn: Turn }) {
  const { answer, citations, retrieval } = turn;
  const rehypePlugins = useMemo(() => {
    const offered = retrieval?.passages.map(({ label }) => label) ?? [];
    const labels = new Set([...offered, ...citations.map(({ label }) => label)]);
    return [[rehypeCitations, { answer, citations, labels }] as [typeof rehypeCitations, object]];
  }, [answer, citations, retrieval]);
  return (
    <Markdown
      skipHtml
      allowedElements={allowedElements}
      remarkPlugins={[remarkGfm, remarkWithoutDefinitions]}
      rehypePlugins={rehypePlugins as never}
      components={components}
    >
      {answer}
    </Markdown>
  );
});
