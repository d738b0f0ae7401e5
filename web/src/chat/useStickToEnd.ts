import { useCallback, useEffect, useLayoutEffect, useRef, useState } from 'react';

const near = 80;

/** Keeps a scrolled region at its end while it grows, until the reader scrolls away from there. */
export function useStickToEnd(content: unknown) {
  const scroller = useRef<HTMLDivElement>(null);
  const sticking = useRef(true);
  const [atEnd, setAtEnd] = useState(true);

  useEffect(() => {
    const area = scroller.current;
    if (!area) return;
    const onScroll = () => {
      sticking.current = area.scrollHeight - area.scrollTop - area.clientHeight < near;
      setAtEnd(sticking.current);
    };
    area.addEventListener('scroll', onScroll, { passive: true });
    return () => area.removeEventListener('scroll', onScroll);
  }, []);

  useLayoutEffect(() => {
    const area = scroller.current;
    if (area && sticking.current) area.scrollTop = area.scrollHeight;
  }, [content]);

  const jump = useCallback(() => {
    const area = scroller.current;
    sticking.current = true;
    setAtEnd(true);
    if (area) area.scrollTop = area.scrollHeight;
  }, []);

  return { scroller, atEnd, jump };
}
