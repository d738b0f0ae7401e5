/** Conversations as they are held: an answer goes on being written while another conversation is looked at. */

import { useSyncExternalStore } from 'react';

import {
  type AnswerEvent,
  ApiError,
  type Citation,
  type Confirmation,
  type Decision,
  type Retrieval,
  type StoredTurn,
  type ToolCall,
  ask,
  confirmations,
  conversations,
} from '../api';
import { withStep } from './calls';

/** `waiting`: the answer goes on when the member has decided. */
export type TurnState = 'searching' | 'writing' | 'waiting' | 'done' | 'stopped' | 'failed';

export interface Turn {
  id: string;
  question: string;
  answer: string;
  citations: Citation[];
  retrieval: Retrieval | null;
  calls: readonly ToolCall[];
  /** What the answer waits for. */
  confirmation: Confirmation | null;
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
  const nothing = { answer: '', citations: [], retrieval: null, calls: [], confirmation: null, error: null };
  return { id, question, state: 'searching', ...nothing };
}

function storedTurn(turn: StoredTurn, confirmation: Confirmation | null): Turn {
  return {
    ...turn,
    citations: turn.citations ?? [],
    calls: turn.actions ?? [],
    confirmation,
    state: confirmation ? 'waiting' : 'done',
    error: null,
  };
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
    case 'called':
      return { ...turn, calls: withStep(turn.calls, event.step) };
    case 'waits':
      return { ...turn, confirmation: event.confirmation };
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
    return this.snapshot.turns.some(inWork);
  }

  async load(): Promise<void> {
    const id = this.snapshot.conversation;
    if (!id) return;
    this.change({ loading: true, loadError: null });
    try {
      const { turns } = await conversations.read(id);
      const asks = turns.some(({ actions }) => actions?.some(({ status }) => status === 'waiting'));
      const waiting = asks ? await confirmations.list(id) : [];
      const stored = turns.map((turn) => storedTurn(turn, waiting.find((one) => one.turn === turn.id) ?? null));
      this.change({ loading: false, turns: stored });
    } catch (loadError) {
      this.change({ loading: false, loadError });
    }
  }

  /** Asks, and comes back when the answer is whole, stopped or failed. */
  async send(question: string): Promise<void> {
    if (this.busy) return;
    const { turns, conversation } = this.snapshot;
    const unkept = turns.at(-1);
    const again = unkept && (unkept.state === 'failed' || unkept.state === 'stopped') && unkept.question === question;
    const turn = newTurn(question);
    this.change({ turns: [...(again ? turns.slice(0, -1) : turns), turn] });
    await this.follow(turn.id, (signal) => ask({ assistant: this.assistant, conversation, text: question }, signal));
  }

  /** Says what the member decided; the answer goes on from where it stopped. */
  async decide(turn: Turn, decision: Decision): Promise<void> {
    const { confirmation } = turn;
    if (this.busy || !confirmation) return;
    const before = turn.answer;
    this.changeTurn(turn.id, () => ({ ...turn, state: 'searching', confirmation: null, answer: before && `${before}\n\n` }));
    await this.follow(turn.id, (signal) => confirmations.decide(confirmation.id, decision, signal));
    await this.settle(turn, confirmation);
  }

  stop(): void {
    this.controller?.abort();
  }

  private async follow(id: string, answer: (signal: AbortSignal) => AsyncIterable<AnswerEvent>): Promise<void> {
    this.controller = new AbortController();
    const { signal } = this.controller;
    let { conversation } = this.snapshot;
    try {
      for await (const event of answer(signal)) {
        if (event.kind === 'opened') conversation = event.conversation ?? conversation;
        this.changeTurn(id, (turn) => advanced(turn, event));
      }
      // Only a whole turn is stored, so only now is there a conversation to come back to.
      if (conversation) remember(conversation, this);
      this.changeTurn(id, (turn) => ({ ...turn, state: turn.confirmation ? 'waiting' : 'done' }), { conversation });
    } catch (error) {
      const state = signal.aborted ? 'stopped' : 'failed';
      this.changeTurn(id, (turn) => ({ ...turn, state, error: state === 'failed' ? error : null }));
    } finally {
      this.controller = null;
    }
  }

  /** After a decision: the turn as it is stored, whole; what was decided elsewhere or too late shows, too. */
  private async settle(turn: Turn, confirmation: Confirmation): Promise<void> {
    const { conversation } = this.snapshot;
    const now = this.snapshot.turns.find(({ id }) => id === turn.id);
    if (!conversation || !now || now.confirmation) return;
    try {
      const { turn: stored, status } = await confirmations.read(confirmation.id);
      if (status === 'waiting') return this.changeTurn(turn.id, () => ({ ...turn, error: now.error })); // never arrived
      const found = (await conversations.read(conversation)).turns.find(({ id }) => id === stored);
      if (found) this.changeTurn(turn.id, () => ({ ...storedTurn(found, null), id: turn.id, error: now.error }));
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return; // the conversation was deleted meanwhile
      this.changeTurn(turn.id, (one) => ({ ...one, error: one.error ?? error }));
    }
  }

  private changeTurn(id: string, change: (turn: Turn) => Turn, more: Partial<ChatSnapshot> = {}): void {
    const turns = this.snapshot.turns.map((turn) => (turn.id === id ? change(turn) : turn));
    this.change({ ...more, turns });
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
