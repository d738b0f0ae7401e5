/** Conversations as they are held: an answer goes on being written while another conversation is looked at. */

import { useSyncExternalStore } from 'react';

import { type AnswerEvent, type Citation, type Retrieval, ask, conversations } from '../api';

export type TurnState = 'searching' | 'writing' | 'done' | 'stopped' | 'failed';

export interface Turn {
  id: string;
  question: string;
  answer: string;
  citations: Citation[];
  retrieval: Retrieval | null;
  state: TurnState;
  error: unknown;
}

export interface ChatSnapshot {
  conversation: string | null;
  turns: readonly Turn[];
  loading: boolean;
  loadError: unknown;
}

const inWork = (turn: Turn | undefined) => turn?.state === 'searching' || turn?.state === 'writing';

let lastId = 0;

function newTurn(question: string): Turn {
  lastId += 1;
  const id = `turn-${lastId}`;
  return { id, question, answer: '', citations: [], retrieval: null, state: 'searching', error: null };
}

/** What an event makes of a turn. */
export function advanced(turn: Turn, event: AnswerEvent): Turn {
  switch (event.kind) {
    case 'opened':
      return { ...turn, retrieval: event.retrieval ?? turn.retrieval };
    case 'text':
      return { ...turn, state: 'writing', answer: turn.answer + event.text };
    case 'cited':
      return { ...turn, citations: event.citations };
  }
}

export class Chat {
  private snapshot: ChatSnapshot;
  private readonly listeners = new Set<() => void>();
  private controller: AbortController | null = null;
  private frame = 0;

  constructor(
    readonly assistant: string,
    conversation: string | null,
  ) {
    this.snapshot = { conversation, turns: [], loading: false, loadError: null };
    if (conversation) void this.load();
  }

  readonly read = () => this.snapshot;

  readonly subscribe = (listener: () => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  get busy(): boolean {
    return inWork(this.snapshot.turns.at(-1));
  }

  async load(): Promise<void> {
    const id = this.snapshot.conversation;
    if (!id) return;
    this.change({ loading: true, loadError: null });
    try {
      const { turns } = await conversations.read(id);
      const stored = turns.map((turn): Turn => {
        const citations = turn.citations ?? [];
        return { ...turn, citations, state: 'done', error: null };
      });
      this.change({ loading: false, turns: stored });
    } catch (loadError) {
      this.change({ loading: false, loadError });
    }
  }

  /** Asks, and comes back when the answer is whole, stopped or failed. */
  async send(question: string): Promise<void> {
    if (this.busy) return;
    const { turns } = this.snapshot;
    const unkept = turns.at(-1);
    const earlier = unkept && unkept.state !== 'done' && unkept.question === question ? turns.slice(0, -1) : turns;
    this.change({ turns: [...earlier, newTurn(question)] });
    this.controller = new AbortController();
    try {
      await this.follow(question, this.controller.signal);
    } catch (error) {
      const state = this.controller.signal.aborted ? 'stopped' : 'failed';
      this.changeLast((turn) => ({ ...turn, state, error: state === 'failed' ? error : null }));
    } finally {
      this.controller = null;
    }
  }

  stop(): void {
    this.controller?.abort();
  }

  private async follow(text: string, signal: AbortSignal): Promise<void> {
    const { conversation: known } = this.snapshot;
    let conversation = known;
    for await (const event of ask({ assistant: this.assistant, conversation: known, text }, signal)) {
      if (event.kind === 'opened') conversation = event.conversation ?? conversation;
      this.changeLast((turn) => advanced(turn, event));
    }
    // Only a whole turn is stored, so only now is there a conversation to come back to.
    if (conversation) remember(conversation, this);
    this.changeLast((turn) => ({ ...turn, state: 'done' }), { conversation });
  }

  private changeLast(change: (turn: Turn) => Turn, more: Partial<ChatSnapshot> = {}): void {
    const { turns } = this.snapshot;
    const last = turns.at(-1);
    if (last) this.change({ ...more, turns: [...turns.slice(0, -1), change(last)] });
  }

  // A stream can bring hundreds of pieces a second; the eye needs one drawing per frame.
  private change(change: Partial<ChatSnapshot>): void {
    this.snapshot = { ...this.snapshot, ...change };
    if (!this.busy) return this.announce();
    if (this.frame) return;
    this.frame = window.setTimeout(() => this.announce(), 33);
  }

  private announce(): void {
    window.clearTimeout(this.frame);
    this.frame = 0;
    for (const listener of this.listeners) listener();
  }
}

const chats = new Map<string, Chat>();

function remember(conversation: string, chat: Chat): void {
  chats.set(conversation, chat);
}

/** The conversation with that id, or with null the one of this assistant that has not begun yet. */
export function chatFor(assistant: string, conversation: string | null): Chat {
  const key = conversation ?? `new:${assistant}`;
  const known = chats.get(key);
  const begunElsewhere = !conversation && known?.read().conversation;
  if (known && !begunElsewhere && !known.read().loadError) return known;
  const chat = new Chat(assistant, conversation);
  chats.set(key, chat);
  return chat;
}

/** Leaves the unfinished new conversation of this assistant to itself and starts a fresh one. */
export function startAfresh(assistant: string): void {
  const key = `new:${assistant}`;
  if (chats.get(key)?.read().turns.length) chats.delete(key);
}

export function forget(conversation: string): void {
  chats.get(conversation)?.stop();
  chats.delete(conversation);
}

/** Everything goes when another person may sign in. */
export function forgetAll(): void {
  for (const chat of chats.values()) chat.stop();
  chats.clear();
}

export function useChat(chat: Chat): ChatSnapshot {
  return useSyncExternalStore(chat.subscribe, chat.read);
}
