import type { Conversation } from '../api';
import { type MessageKey, useWords } from '../i18n';
import { type Route, assistantAddress, followInPage } from '../router';
import { Icon } from './Icon';
import type { Conversations } from './useConversations';

const day = 86400;

/** The heading under which a conversation stands, by the local calendar. */
function era(conversation: Conversation): MessageKey {
  const midnight = new Date().setHours(0, 0, 0, 0) / 1000;
  const age = midnight - conversation.updated_at;
  if (age <= 0) return 'sidebar.today';
  if (age <= day) return 'sidebar.yesterday';
  return age <= 7 * day ? 'sidebar.week' : 'sidebar.earlier';
}

interface ConversationListProps {
  slug: string;
  route: Exclude<Route, { at: 'view' }>;
  conversations: Conversations;
  onGo: (address: string) => void;
}

export function ConversationList({ slug, route, conversations, onGo }: ConversationListProps) {
  const { t } = useWords();
  const { shown } = conversations;
  const current = route.at === 'assistant' ? route.conversation : null;
  if (shown.length === 0) return <p className="sidebar-none">{t('sidebar.none')}</p>;

  const remove = (conversation: Conversation) => {
    conversations.remove(conversation, t);
    if (conversation.id === current) onGo(assistantAddress(slug));
  };
  const groups = new Map<MessageKey, Conversation[]>();
  for (const one of shown) groups.set(era(one), [...(groups.get(era(one)) ?? []), one]);
  return [...groups].map(([heading, group]) => (
    <section key={heading}>
      <h3>{t(heading)}</h3>
      <ul className="conversations">
        {group.map((conversation) => (
          <Row
            key={conversation.id}
            conversation={conversation}
            current={conversation.id === current}
            address={assistantAddress(slug, { conversation: conversation.id })}
            onGo={onGo}
            onRemove={() => remove(conversation)}
          />
        ))}
      </ul>
    </section>
  ));
}

interface RowProps {
  conversation: Conversation;
  current: boolean;
  address: string;
  onGo: (address: string) => void;
  onRemove: () => void;
}

function Row({ conversation, current, address, onGo, onRemove }: RowProps) {
  const { t } = useWords();
  const title = conversation.title || t('sidebar.untitled');
  return (
    <li>
      <a
        href={address}
        title={title}
        aria-current={current ? 'page' : undefined}
        onClick={(event) => followInPage(event, () => onGo(address))}
      >
        {title}
      </a>
      <button
        type="button"
        className="icon-button small"
        aria-label={t('sidebar.delete', { title })}
        onClick={onRemove}
      >
        <Icon name="trash" size={15} />
      </button>
    </li>
  );
}
