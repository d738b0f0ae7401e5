/** The only file that knows pdf.js. Loaded when the first PDF is opened. */

import * as pdfjs from 'pdfjs-dist/legacy/build/pdf.mjs';
import type { PDFDocumentProxy, PDFPageProxy, PageViewport } from 'pdfjs-dist';
import workerUrl from 'pdfjs-dist/legacy/build/pdf.worker.min.mjs?url';

import { type Span, locateQuote } from './quotes';

export type { PDFDocumentProxy } from 'pdfjs-dist';

pdfjs.GlobalWorkerOptions.workerSrc = workerUrl;

/** Opens a PDF, page by page as it is needed. Without WebAssembly and without eval: the page's security
 *  policy allows neither. */
export function openPdf(url: string) {
  return pdfjs.getDocument({
    url,
    cMapUrl: `${__PDFJS_FILES__}cmaps/`,
    cMapPacked: true,
    standardFontDataUrl: `${__PDFJS_FILES__}standard_fonts/`,
    wasmUrl: `${__PDFJS_FILES__}wasm/`,
    useWasm: false,
    isEvalSupported: false,
    enableXfa: false,
    verbosity: pdfjs.VerbosityLevel.ERRORS,
  });
}

export interface Drawing {
  /** CSS pixels that a page at zoom 1 is wide. */
  width: number;
  zoom: number;
  /** What to mark; '' for nothing. */
  quote: string;
  signal: AbortSignal;
}

const mostPixels = 16_000_000; // of a canvas; phones refuse more

/** Draws a page into `container`: picture, marks of the quote, text that can be selected.
 *  Returns whether the quote was found. */
export async function drawPage(
  container: HTMLElement,
  pdf: PDFDocumentProxy,
  number: number,
  { width, zoom, quote, signal }: Drawing,
): Promise<boolean> {
  const page = await pdf.getPage(number);
  signal.throwIfAborted();
  const viewport = page.getViewport({ scale: (width / page.getViewport({ scale: 1 }).width) * zoom });
  const canvas = await drawPicture(page, viewport, signal);
  signal.throwIfAborted();

  const content = await page.getTextContent();
  signal.throwIfAborted();

  const marks = document.createElement('div');
  marks.className = 'pdf-marks';
  const text = document.createElement('div');
  text.className = 'pdf-text';
  text.lang = content.lang ?? ''; // as pdf.js measures it; the language of this page could mean other fonts
  container.style.width = `${Math.floor(viewport.width)}px`;
  container.style.height = `${Math.floor(viewport.height)}px`;
  container.style.setProperty('--total-scale-factor', String(viewport.scale));
  container.replaceChildren(canvas, marks, text);

  const layer = new pdfjs.TextLayer({ textContentSource: content, container: text, viewport });
  await layer.render();
  signal.throwIfAborted();
  if (!quote) return false;
  const spans = locateQuote(layer.textContentItemsStr.join('\n'), quote);
  for (const box of boxesOf(spans, layer.textDivs, layer.textContentItemsStr)) {
    marks.append(markFor(box, container.getBoundingClientRect()));
  }
  return marks.childElementCount > 0;
}

async function drawPicture(page: PDFPageProxy, viewport: PageViewport, signal: AbortSignal) {
  const wanted = Math.max(window.devicePixelRatio, 1);
  const ratio = Math.min(wanted, Math.sqrt(mostPixels / (viewport.width * viewport.height)));
  const canvas = document.createElement('canvas');
  canvas.width = Math.floor(viewport.width * ratio);
  canvas.height = Math.floor(viewport.height * ratio);
  const transform = ratio === 1 ? undefined : [ratio, 0, 0, ratio, 0, 0];
  const task = page.render({ canvas, viewport, ...(transform && { transform }) });
  const cancel = () => task.cancel();
  signal.addEventListener('abort', cancel, { once: true });
  try {
    await task.promise;
  } finally {
    signal.removeEventListener('abort', cancel);
  }
  return canvas;
}

/** The rectangles that stretches of the joined text (with one character between items) cover on the screen. */
function boxesOf(spans: readonly Span[], divs: readonly HTMLElement[], items: readonly string[]): DOMRect[] {
  const boxes: DOMRect[] = [];
  let offset = 0;
  items.forEach((item, index) => {
    const node = divs[index]?.firstChild;
    for (const { start, end } of spans) {
      const from = Math.max(start - offset, 0);
      const to = Math.min(end - offset, item.length);
      if (from >= to || !node) continue;
      const range = document.createRange();
      range.setStart(node, from);
      range.setEnd(node, Math.min(to, node.textContent?.length ?? 0));
      boxes.push(...range.getClientRects());
    }
    offset += item.length + 1;
  });
  return boxes;
}

/** In shares of the page, so that it stays in place while the page is scaled. */
function markFor(box: DOMRect, page: DOMRect): HTMLElement {
  const mark = document.createElement('div');
  mark.className = 'pdf-mark';
  const percent = (value: number) => `${(value * 100).toFixed(3)}%`;
  mark.style.left = percent((box.left - page.left) / page.width);
  mark.style.top = percent((box.top - page.top) / page.height);
  mark.style.width = percent(box.width / page.width);
  mark.style.height = percent(box.height / page.height);
  return mark;
}
