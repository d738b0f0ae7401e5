import { useEffect, useRef, useState } from 'react';

import { useWords } from '../i18n';
import { type PDFDocumentProxy, drawPage, openPdf } from './pdf';
import { scrollToMiddle } from './scrolling';
import { useWidth } from './useWidth';

interface PdfViewProps {
  url: string;
  page: number;
  zoom: number;
  quote: string;
  onPages: (pages: number) => void;
  onFound: (found: boolean) => void;
  onBroken: () => void;
}

export default function PdfView({ url, page, zoom, quote, onPages, onFound, onBroken }: PdfViewProps) {
  const { t } = useWords();
  const pdf = usePdf(url, onPages, onBroken);
  const frame = useRef<HTMLDivElement>(null);
  const sheet = useRef<HTMLDivElement>(null);
  const width = useWidth(frame);
  const [drawn, setDrawn] = useState(0);

  useEffect(() => {
    const container = sheet.current;
    if (!pdf || !container || !width) return;
    const controller = new AbortController();
    const number = Math.min(page, pdf.numPages);
    const drawing = { width: Math.min(width, 1000), zoom, quote, signal: controller.signal };
    drawPage(container, pdf, number, drawing).then(
      (found) => {
        setDrawn(number);
        if (quote) onFound(found);
        const mark = container.querySelector('.pdf-mark');
        if (mark && frame.current) scrollToMiddle(frame.current, mark);
        else frame.current?.scrollTo({ top: 0 });
      },
      () => {
        if (!controller.signal.aborted) onBroken();
      },
    );
    return () => controller.abort();
  }, [pdf, page, zoom, quote, width, onFound, onBroken]);

  return (
    <div className="pdf" ref={frame} tabIndex={0} aria-busy={drawn !== page}>
      <div className="pdf-sheet" ref={sheet} data-page={drawn || undefined} />
      {drawn === 0 && <div className="viewer-loading">{t('app.loading')}</div>}
    </div>
  );
}

function usePdf(url: string, onPages: (pages: number) => void, onBroken: () => void) {
  const [pdf, setPdf] = useState<PDFDocumentProxy | null>(null);
  useEffect(() => {
    const task = openPdf(url);
    let current = true;
    task.promise.then(
      (opened) => {
        if (!current) return;
        setPdf(opened);
        onPages(opened.numPages);
      },
      () => current && onBroken(),
    );
    return () => {
      current = false;
      setPdf(null);
      void task.destroy();
    };
  }, [url, onPages, onBroken]);
  return pdf;
}
