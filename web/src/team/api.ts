/** People, keys and the team itself, as the service tells of them. */

import { type Role, all, get, put, remove } from '../api';

export interface Member {
  id: string;
  name: string;
  email: string | null;
  role: Role;
  /** The identity provider gave the role, and takes it away again. */
  managed: boolean;
  created_at: number;
}

export interface Invitation {
  id: string;
  role: Role;
  email: string | null;
  created_at: number;
  expires_at: number;
  accepted_at: number | null;
}

export interface Key {
  id: string;
  name: string;
  role: Role;
  access: 'read' | 'write';
  assistants: string[] | null;
  member: string | null;
  prefix: string;
  state: 'active' | 'expired' | 'revoked';
  created_at: number;
  expires_at: number | null;
  last_used_at: number | null;
  previous_works_until: number | null;
}

export interface NewKey {
  name: string;
  role: Role;
  access: 'read' | 'write';
  assistants: string[] | null;
  expires_at: number | null;
}

export interface OpenSession {
  id: string;
  current: boolean;
  agent: string;
  address: string;
  created_at: number;
  last_used_at: number;
}

export interface Approval {
  id: string;
  assistant: string;
  operation: string;
  created_at: number;
}

export interface AuditEntry {
  position: number;
  at: string;
  actor: string;
  operation: string;
  targets: Record<string, string>;
}

const part = encodeURIComponent;

export const members = {
  list: () => all<Member>('/api/members'),
  change: (id: string, role: Role) => put<Member>('PUT', `/api/members/${part(id)}`, { role }),
  remove: (id: string) => remove(`/api/members/${part(id)}`),
  resetLink: (id: string) => put<{ url: string }>('POST', `/api/members/${part(id)}/reset-link`, {}),
};

export const invitations = {
  list: () => all<Invitation>('/api/invitations'),
  make: (role: Role, email: string | null) =>
    put<Invitation & { url: string }>('POST', '/api/invitations', { role, email }),
  withdraw: (id: string) => remove(`/api/invitations/${part(id)}`),
  look: (token: string) =>
    put<{ team: string; role: Role; email: string | null }>('POST', '/api/join/look', { token }),
  accept: (token: string, who: { name: string; email: string; password: string }) =>
    put('POST', '/api/join', { token, ...who }),
};

export const keys = {
  list: () => all<Key>('/api/keys'),
  make: (key: NewKey) => put<Key & { secret: string }>('POST', '/api/keys', key),
  rotate: (id: string, overlap_s: number) =>
    put<Key & { secret: string }>('POST', `/api/keys/${part(id)}/rotate`, { overlap_s }),
  revoke: (id: string) => remove<Key>(`/api/keys/${part(id)}`),
};

export const account = {
  create: (who: { name: string; email: string; password: string }) => put('POST', '/api/account', who),
  changePassword: (current: string, next: string) =>
    put<{ ended: number }>('PUT', '/api/account/password', { current, new: next }),
  reset: (token: string, next: string) => put('POST', '/api/account/reset', { token, new: next }),
  sessions: () => all<OpenSession>('/api/sessions'),
  endSession: (id: string) => remove(`/api/sessions/${part(id)}`),
  endOthers: () => remove<{ ended: number }>('/api/sessions'),
  approvals: () => all<Approval>('/api/approvals'),
  withdrawApproval: (id: string) => remove(`/api/approvals/${part(id)}`),
};

export const team = {
  rename: (name: string) => put('PUT', '/api/team', { name }),
  remove: (slug: string) => remove<{ removed: Record<string, number> }>(`/api/team?confirm=${part(slug)}`),
  audit: (before: number | null) =>
    get<{ data: AuditEntry[]; has_more: boolean }>(`/api/audit?limit=50${before ? `&before=${before}` : ''}`),
};
