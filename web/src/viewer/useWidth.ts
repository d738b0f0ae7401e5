import { type RefObject, useEffect, useState } from 'react';

/** The inner width of an element in CSS pixels, 0 before the first measure; settles before it tells. */
export function useWidth(element: RefObject<HTMLElement | null>): number {
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const target = element.current;
    if (!target) return;
    let timer = 0;
    const measure = () => {
      const style = getComputedStyle(target);
      const padding = Number.parseFloat(style.paddingLeft) + Number.parseFloat(style.paddingRight);
      setWidth(Math.floor(target.clientWidth - padding));
    };
    const observer = new ResizeObserver(() => {
      window.clearTimeout(timer);
      timer = window.setTimeout(measure, 80);
    });
    measure();
    observer.observe(target);
    return () => {
      window.clearTimeout(timer);
      observer.disconnect();
    };
  }, [element]);
  return width;
}
