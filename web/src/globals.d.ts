/** Where the files that pdf.js fetches lie, with a slash at the end. Set by vite.config.ts. */
declare const __PDFJS_FILES__: string;
