import './styles/base.css';
import './styles/shell.css';
import './styles/chat.css';
import './styles/calls.css';
import './styles/files.css';
import './styles/settings.css';
import './styles/viewer.css';

import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';

import { App } from './App';

const root = document.getElementById('root');
if (root) {
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
}
