/** The words of the page, in English and Korean. */

import { useSyncExternalStore } from 'react';

import { remember, remembered } from './storage';
import { chatWords } from './words/chat';
import { knowledgeWords } from './words/knowledge';
import { teamWords } from './words/team';

const en = {
  'app.tagline': 'Answers from your team’s own files, cited to the page.',
  'app.menu': 'Menu',
  'app.close': 'Close',
  'app.loading': 'Loading…',
  'app.retry': 'Try again',
  'app.undo': 'Undo',
  'app.cancel': 'Cancel',
  'app.skip': 'Skip to the conversation',
  'signin.title': 'Sign in',
  'signin.key': 'Key',
  'signin.hint': 'Paste a key of your team, or open the sign-in link that the service printed when it started.',
  'signin.submit': 'Sign in',
  'signin.working': 'Signing in…',
  'signin.link_failed': 'That sign-in link is used up or too old. Paste a key instead, or ask for a new link.',
  'signin.key_failed': 'That key is not known here. Check that all of it was copied.',
  'signin.expired': 'You were signed out. Sign in again to go on.',
  'signin.out': 'You are signed out.',
  'error.unreachable': 'The service cannot be reached. Check that it is running, then try again.',
  'error.broken_off': 'The answer broke off before its end. Try again.',
  'error.unknown': 'Something went wrong. Try again.',
  'account.menu': 'Account and language',
  'account.language': 'Language',
  'account.signout': 'Sign out',
  'role.viewer': 'Viewer',
  'role.editor': 'Editor',
  'role.owner': 'Owner',
  'sidebar.label': 'Assistants and conversations',
  'sidebar.assistants': 'Assistants',
  'sidebar.conversations': 'Conversations',
  'sidebar.none': 'No conversations yet.',
  'sidebar.new': 'New conversation',
  'sidebar.delete': 'Delete “{title}”',
  'sidebar.deleted': 'Conversation deleted.',
  'sidebar.untitled': 'Untitled',
  'sidebar.today': 'Today',
  'sidebar.yesterday': 'Yesterday',
  'sidebar.week': 'Last 7 days',
  'sidebar.earlier': 'Earlier',
  'home.empty.title': 'No assistants yet',
  'home.empty.text': 'Create one through the API (POST /api/assistants) or put an instruction file into the instructions folder.',
  'home.missing.title': 'There is no such assistant',
  'home.missing.text': 'It may have been renamed or deleted. Choose one on the left.',
  'tab.chat': 'Chat',
  'tab.files': 'Files',
  'tab.label': 'Chat or files',
  'chat.placeholder': 'Ask {name}',
  'chat.send': 'Send',
  'chat.stop': 'Stop',
  'chat.keys': 'Enter sends, Shift+Enter starts a new line.',
  'chat.quoting': 'No language model connected: answers are quotes from your files.',
  'chat.check': 'Answers can be wrong. Check the source behind each number.',
  'chat.starters': 'Questions to start with',
  'chat.you': 'You asked',
  'chat.searching': 'Searching the files…',
  'chat.thinking': 'Writing…',
  'chat.stopped': 'Stopped. This answer was not kept.',
  'chat.answered': 'Answer: {text}',
  'chat.copy': 'Copy answer',
  'chat.copied': 'Copied',
  'chat.latest': 'Jump to the latest',
  'chat.load_failed': 'This conversation could not be opened.',
  'chat.sources': 'Sources',
  'chat.used': 'Searched the files: {n} passages',
  'chat.used_one': 'Searched the files: 1 passage',
  'chat.empty': 'Nothing found in the files.',
  'chat.skipped': 'The files were not searched.',
  'chat.skipped_because': 'The files were not searched: {reason}',
  'chat.query': 'Searched for “{query}”',
  'chat.unsupported': '{n} statements are not supported by the source they cite.',
  'chat.unsupported_one': '1 statement is not supported by the source it cites.',
  'cite.label': 'Source {label}: {name}, {locator}',
  'cite.unsupported': 'The source does not say this.',
  'cite.open': 'Click to open the page',
  'files.title': 'Files of {name}',
  'files.intro': 'Answers are drawn from these files.',
  'files.drop': 'Drop files here, or',
  'files.choose': 'choose files',
  'files.kinds': 'PDF, Word, PowerPoint, Excel, HWP, CSV, HTML, Markdown, EPUB, e-mail, text, pictures, ZIP. A file with a name that is already here replaces the old one; the old one answers until the new one is ready.',
  'files.release': 'Let go to add to {name}',
  'files.none': 'No files yet.',
  'files.none_viewer': 'No files yet. An editor of the team can add some.',
  'files.uploading': 'Uploading {percent}',
  'files.waiting': 'Waiting to upload',
  'files.queued': 'Queued',
  'files.reading': 'Reading',
  'files.reading_page': 'Reading page {n} of {total}',
  'files.reading_open': 'Reading page {n}',
  'files.embedding': 'Embedding',
  'files.embedding_chunk': 'Embedding {n} of {total}',
  'files.ready': 'Ready',
  'files.failed': 'Failed',
  'files.updating': 'The old version answers until the new one is ready.',
  'files.kept': 'The previous version is still in use.',
  'files.pages': '{n} pages',
  'files.pages_one': '1 page',
  'files.chunks': '{n} chunks',
  'files.chunks_one': '1 chunk',
  'files.updated': 'updated {when}',
  'files.warnings': '{n} warnings',
  'files.warnings_one': '1 warning',
  'files.open': 'Open {name}',
  'files.delete': 'Delete {name}',
  'files.dismiss': 'Dismiss',
  'files.stop': 'Stop uploading {name}',
  'files.delete_title': 'Delete “{name}”?',
  'files.delete_text': 'The file, its text and everything made from it are removed at once. No answer will draw on it any more. This cannot be undone.',
  'files.delete_confirm': 'Delete',
  'files.deleted': '“{name}” was deleted.',
  'files.deleting': 'Deleting…',
  'view.label': 'Document',
  'view.page': 'Page',
  'view.of': 'of {total}',
  'view.previous': 'Previous page',
  'view.next': 'Next page',
  'view.in': 'Zoom in',
  'view.out': 'Zoom out',
  'view.fit': 'Fit to width',
  'view.newtab': 'Open in a tab of its own',
  'view.download': 'Original file',
  'view.quote': 'Quoted',
  'view.not_found': 'The quote could not be marked on this page; the page is shown as it is.',
  'view.gone': 'This document is not here any more.',
  'view.broken_pdf': 'The pages cannot be drawn; their text is shown instead.',
  'view.no_text': 'There is no text on this page.',
  'view.earlier': 'Show earlier lines',
  'view.later': 'Show more lines',
  'view.back': 'Back to Doumi',
} as const;

/** The newer words stand beside each other: [English, Korean]. */
const pairs = { ...chatWords, ...teamWords, ...knowledgeWords } as const;

export type MessageKey = keyof typeof en | keyof typeof pairs;

const ko: Record<keyof typeof en, string> = {
  'app.tagline': '우리 팀의 파일에서 찾아, 쪽수까지 밝혀 답합니다.',
  'app.menu': '메뉴',
  'app.close': '닫기',
  'app.loading': '불러오는 중…',
  'app.retry': '다시 시도',
  'app.undo': '되돌리기',
  'app.cancel': '취소',
  'app.skip': '대화로 바로 가기',
  'signin.title': '로그인',
  'signin.key': '키',
  'signin.hint': '팀의 키를 붙여 넣거나, 서비스가 시작할 때 알려 준 로그인 링크를 여세요.',
  'signin.submit': '로그인',
  'signin.working': '로그인하는 중…',
  'signin.link_failed': '이미 쓰였거나 기한이 지난 로그인 링크입니다. 키를 붙여 넣거나 새 링크를 받으세요.',
  'signin.key_failed': '알 수 없는 키입니다. 끝까지 복사했는지 확인하세요.',
  'signin.expired': '로그아웃되었습니다. 계속하려면 다시 로그인하세요.',
  'signin.out': '로그아웃했습니다.',
  'error.unreachable': '서비스에 연결할 수 없습니다. 실행 중인지 확인하고 다시 시도하세요.',
  'error.broken_off': '답변이 도중에 끊겼습니다. 다시 시도하세요.',
  'error.unknown': '문제가 생겼습니다. 다시 시도하세요.',
  'account.menu': '계정과 언어',
  'account.language': '언어',
  'account.signout': '로그아웃',
  'role.viewer': '읽기',
  'role.editor': '편집자',
  'role.owner': '소유자',
  'sidebar.label': '도우미와 대화',
  'sidebar.assistants': '도우미',
  'sidebar.conversations': '대화',
  'sidebar.none': '아직 대화가 없습니다.',
  'sidebar.new': '새 대화',
  'sidebar.delete': '“{title}” 지우기',
  'sidebar.deleted': '대화를 지웠습니다.',
  'sidebar.untitled': '제목 없음',
  'sidebar.today': '오늘',
  'sidebar.yesterday': '어제',
  'sidebar.week': '지난 7일',
  'sidebar.earlier': '이전',
  'home.empty.title': '아직 도우미가 없습니다',
  'home.empty.text': 'API(POST /api/assistants)로 만들거나, 지침 폴더에 지침 파일을 넣으세요.',
  'home.missing.title': '없는 도우미입니다',
  'home.missing.text': '이름이 바뀌었거나 지워졌을 수 있습니다. 왼쪽에서 고르세요.',
  'tab.chat': '대화',
  'tab.files': '파일',
  'tab.label': '대화 또는 파일',
  'chat.placeholder': '{name}에게 물어보세요',
  'chat.send': '보내기',
  'chat.stop': '멈추기',
  'chat.keys': 'Enter로 보내고, Shift+Enter로 줄을 바꿉니다.',
  'chat.quoting': '연결된 언어 모델이 없어, 파일의 문장을 그대로 인용해 답합니다.',
  'chat.check': '답변은 틀릴 수 있습니다. 번호를 눌러 출처를 확인하세요.',
  'chat.starters': '이렇게 시작해 보세요',
  'chat.you': '질문',
  'chat.searching': '파일을 찾아보는 중…',
  'chat.thinking': '쓰는 중…',
  'chat.stopped': '멈췄습니다. 이 답변은 저장되지 않았습니다.',
  'chat.answered': '답변: {text}',
  'chat.copy': '답변 복사',
  'chat.copied': '복사했습니다',
  'chat.latest': '맨 아래로',
  'chat.load_failed': '이 대화를 열 수 없습니다.',
  'chat.sources': '출처',
  'chat.used': '파일에서 찾은 대목 {n}개',
  'chat.used_one': '파일에서 찾은 대목 1개',
  'chat.empty': '파일에서 찾지 못했습니다.',
  'chat.skipped': '파일을 찾아보지 않았습니다.',
  'chat.skipped_because': '파일을 찾아보지 않았습니다: {reason}',
  'chat.query': '찾은 말: “{query}”',
  'chat.unsupported': '문장 {n}개는 인용한 출처로 뒷받침되지 않습니다.',
  'chat.unsupported_one': '문장 1개는 인용한 출처로 뒷받침되지 않습니다.',
  'cite.label': '출처 {label}: {name}, {locator}',
  'cite.unsupported': '출처에 없는 내용입니다.',
  'cite.open': '누르면 해당 쪽이 열립니다',
  'files.title': '{name}의 파일',
  'files.intro': '이 파일들에서 찾아 답합니다.',
  'files.drop': '여기에 파일을 놓거나',
  'files.choose': '파일 고르기',
  'files.kinds': 'PDF, Word, PowerPoint, Excel, 한글(HWP), CSV, HTML, 마크다운, EPUB, 이메일, 텍스트, 그림, ZIP. 같은 이름의 파일을 올리면 기존 파일을 대신합니다. 새 파일이 준비될 때까지는 기존 파일로 답합니다.',
  'files.release': '놓으면 {name}에 더합니다',
  'files.none': '아직 파일이 없습니다.',
  'files.none_viewer': '아직 파일이 없습니다. 팀의 편집자가 올릴 수 있습니다.',
  'files.uploading': '올리는 중 {percent}',
  'files.waiting': '올리기를 기다리는 중',
  'files.queued': '차례를 기다리는 중',
  'files.reading': '읽는 중',
  'files.reading_page': '읽는 중 {n}/{total}쪽',
  'files.reading_open': '읽는 중 {n}쪽',
  'files.embedding': '임베딩 중',
  'files.embedding_chunk': '임베딩 중 {n}/{total}',
  'files.ready': '준비됨',
  'files.failed': '실패',
  'files.updating': '새 파일이 준비될 때까지 기존 파일로 답합니다.',
  'files.kept': '이전 파일을 계속 씁니다.',
  'files.pages': '{n}쪽',
  'files.pages_one': '1쪽',
  'files.chunks': '조각 {n}개',
  'files.chunks_one': '조각 1개',
  'files.updated': '{when} 갱신',
  'files.warnings': '주의 {n}건',
  'files.warnings_one': '주의 1건',
  'files.open': '{name} 열기',
  'files.delete': '{name} 지우기',
  'files.dismiss': '닫기',
  'files.stop': '{name} 올리기 멈추기',
  'files.delete_title': '“{name}” 파일을 지울까요?',
  'files.delete_text': '파일과 그 글, 거기서 만들어진 모든 것이 바로 지워지고 더는 답변에 쓰이지 않습니다. 되돌릴 수 없습니다.',
  'files.delete_confirm': '지우기',
  'files.deleted': '“{name}” 파일을 지웠습니다.',
  'files.deleting': '지우는 중…',
  'view.label': '문서',
  'view.page': '쪽',
  'view.of': '/ {total}',
  'view.previous': '이전 쪽',
  'view.next': '다음 쪽',
  'view.in': '크게',
  'view.out': '작게',
  'view.fit': '너비에 맞추기',
  'view.newtab': '새 탭에서 열기',
  'view.download': '원본 파일',
  'view.quote': '인용',
  'view.not_found': '이 쪽에서 인용문을 표시하지 못했습니다. 쪽은 그대로 보여 드립니다.',
  'view.gone': '더는 없는 문서입니다.',
  'view.broken_pdf': '쪽을 그릴 수 없어 글만 보여 드립니다.',
  'view.no_text': '이 쪽에는 글이 없습니다.',
  'view.earlier': '앞 줄 보기',
  'view.later': '다음 줄 보기',
  'view.back': 'Doumi로 돌아가기',
};

export type Language = 'en' | 'ko';

function dictionary(language: Language): Record<MessageKey, string> {
  const side = language === 'ko' ? 1 : 0;
  const paired = Object.fromEntries(Object.entries(pairs).map(([key, words]) => [key, words[side]]));
  return { ...(language === 'ko' ? ko : en), ...(paired as Record<keyof typeof pairs, string>) };
}

const dictionaries: Record<Language, Record<MessageKey, string>> = { en: dictionary('en'), ko: dictionary('ko') };
const listeners = new Set<() => void>();

function preferred(): Language {
  const stored = remembered('language');
  if (stored === 'en' || stored === 'ko') return stored;
  return globalThis.navigator?.language.toLowerCase().startsWith('ko') ? 'ko' : 'en';
}

let current: Language = preferred();

export function setLanguage(language: Language): void {
  current = language;
  remember('language', language);
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export type Translate = (key: MessageKey, values?: Record<string, string | number>) => string;

const translators: Record<Language, Translate> = { en: translator('en'), ko: translator('ko') };

function translator(language: Language): Translate {
  return (key, values = {}) =>
    dictionaries[language][key].replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

export function useWords(): { t: Translate; language: Language } {
  const language = useSyncExternalStore(subscribe, () => current, () => current);
  return { t: translators[language], language };
}

type Counted =
  | 'chat.used'
  | 'chat.unsupported'
  | 'files.pages'
  | 'files.chunks'
  | 'files.warnings'
  | 'files.chosen'
  | 'bases.documents';

/** "1 page", "12 pages". */
export function counted(t: Translate, key: Counted, n: number): string {
  return n === 1 ? t(`${key}_one`) : t(key, { n: n.toLocaleString() });
}
