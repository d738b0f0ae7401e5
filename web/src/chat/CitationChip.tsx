import * as HoverCard from '@radix-ui/react-hover-card';
import { useRef, useState } from 'react';

import { useWords } from '../i18n';
import { followInPage, viewAddress } from '../router';
import { Icon } from '../shell/Icon';
import { placeOf, sourceOf, useTurn } from './turnContext';

/** By a mouse or by the keyboard; a finger opens the page and needs no card. */
function isPointedAt(element: Element | null): boolean {
  if (element?.matches(':focus-visible')) return true;
  return window.matchMedia('(hover: hover)').matches && element?.matches(':hover') === true;
}

/** A label in an answer. Pointing at it shows what it stands for, a click opens the page. */
export function CitationChip({ label, citation }: { label: number; citation: number }) {
  const { t } = useWords();
  const { turn, slug, onOpen } = useTurn();
  const [shown, setShown] = useState(false);
  const trigger = useRef<HTMLAnchorElement>(null);
  const clicked = useRef(false); // until the pointer or the focus has left
  const source = sourceOf(turn, label, citation);
  if (!source) return <>[{label}]</>;

  const place = placeOf(slug, source);
  const unsupported = source.verdict === 'unsupported';
  const named = t('cite.label', { label, name: source.document.name, locator: source.locator });
  return (
    <HoverCard.Root
      open={shown}
      onOpenChange={(open) => setShown(open && !clicked.current && isPointedAt(trigger.current))}
      openDelay={120}
      closeDelay={80}
    >
      <HoverCard.Trigger asChild>
        <a
          ref={trigger}
          className={unsupported ? 'chip unsupported' : 'chip'}
          href={viewAddress(place)}
          aria-label={unsupported ? `${named}. ${t('cite.unsupported')}` : named}
          onPointerDown={() => (clicked.current = true)}
          onPointerLeave={(event) => {
            if (event.pointerType === 'mouse') clicked.current = false;
          }}
          onBlur={() => (clicked.current = false)}
          onClick={(event) =>
            followInPage(event, () => {
              setShown(false);
              onOpen(place);
            })
          }
        >
          {label}
        </a>
      </HoverCard.Trigger>
      <HoverCard.Portal>
        <HoverCard.Content className="hover-card" side="top" sideOffset={6} collisionPadding={12}>
          <div className="hover-card-title">
            <Icon name="file" size={15} />
            <span>{source.document.name}</span>
          </div>
          <div className="hover-card-locator">{source.locator}</div>
          {source.quote && <blockquote>{source.quote}</blockquote>}
          {unsupported && (
            <div className="hover-card-verdict">
              <Icon name="alert" size={15} />
              {t('cite.unsupported')}
            </div>
          )}
          <div className="hover-card-hint">{t('cite.open')}</div>
        </HoverCard.Content>
      </HoverCard.Portal>
    </HoverCard.Root>
  );
}
