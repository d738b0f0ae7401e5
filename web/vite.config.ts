import { readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

import react from '@vitejs/plugin-react';
import { type Plugin, defineConfig } from 'vite';

const pdfjs = dirname(createRequire(import.meta.url).resolve('pdfjs-dist/package.json'));
const pdfjsVersion = (JSON.parse(readFileSync(join(pdfjs, 'package.json'), 'utf8')) as { version: string }).version;
const pdfjsPath = `assets/pdfjs-${pdfjsVersion}`;

/** What pdf.js fetches while it draws: character maps and fonts that a PDF names but does not carry.
 *  The WebAssembly decoders stay out (the page's security policy allows none); JPEG 2000 has a plain one. */
const pdfjsFiles = [
  ...readdirSync(join(pdfjs, 'cmaps')).map((name) => `cmaps/${name}`),
  ...readdirSync(join(pdfjs, 'standard_fonts')).map((name) => `standard_fonts/${name}`),
  'wasm/openjpeg_nowasm_fallback.js',
  'wasm/LICENSE_OPENJPEG',
];

function pdfjsResources(): Plugin {
  const known = new Set(pdfjsFiles);
  return {
    name: 'doumi:pdfjs-resources',
    generateBundle() {
      for (const file of pdfjsFiles) {
        this.emitFile({ type: 'asset', fileName: `${pdfjsPath}/${file}`, source: readFileSync(join(pdfjs, file)) });
      }
    },
    configureServer(server) {
      server.middlewares.use(`/${pdfjsPath}`, (request, response, next) => {
        const file = (request.url ?? '').replace(/^\//, '').replace(/\?.*$/, '');
        if (!known.has(file)) return next();
        if (file.endsWith('.js')) response.setHeader('content-type', 'text/javascript');
        response.end(readFileSync(join(pdfjs, file)));
      });
    },
  };
}

const service = 'http://127.0.0.1:8000';

export default defineConfig({
  plugins: [react(), pdfjsResources()],
  define: { __PDFJS_FILES__: JSON.stringify(`/${pdfjsPath}/`) },
  build: {
    outDir: '../service/web',
    emptyOutDir: true,
    rolldownOptions: { input: ['index.html', 'docs.html'] },
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1600,
    modulePreload: { polyfill: false },
    target: ['chrome107', 'edge107', 'firefox104', 'safari16'],
  },
  server: { proxy: { '/api': service, '/v1': service } },
});
