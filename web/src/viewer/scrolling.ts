/** Brings an element to the middle of the region that scrolls it, and moves nothing else on the page. */
export function scrollToMiddle(region: Element, element: Element): void {
  const outer = region.getBoundingClientRect();
  const inner = element.getBoundingClientRect();
  region.scrollTop += inner.top - outer.top - (outer.height - inner.height) / 2;
  if (inner.left < outer.left || inner.right > outer.right) {
    region.scrollLeft += inner.left - outer.left - (outer.width - inner.width) / 2;
  }
}
