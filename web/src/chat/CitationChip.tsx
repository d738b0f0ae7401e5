import * as HoverCard from '@radix-ui/react-hover-card';
import { type ComponentProps, useRef, useState } from 'react';

import { useWords } from '../i18n';
import { followInPage, viewAddress } from '../router';
import { Icon } from '../shell/Icon';
import { useMedia } from '../shell/useMedia';
import { type Source, placeOf, sourceOf, useTurn } from './turnContext';

/** A label in an answer. Pointing at it shows what it stands for, a click opens the page. */
export function CitationChip({ label, citation }: { label: number; citation: number }) {
  const { turn } = useTurn();
  const canHover = useMedia('(hover: hover)');
  const source = sourceOf(turn, label, citation);
  if (!source) return <>[{label}]</>;
  // A finger opens the page at once and needs no card.
  return canHover ? <ChipWithCard label={label} source={source} /> : <Chip label={label} source={source} />;
}

interface ChipProps extends ComponentProps<'a'> {
  label: number;
  source: Source;
}

function Chip({ label, source, ...rest }: ChipProps) {
  const { t } = useWords();
  const { slug, onOpen } = useTurn();
  const place = placeOf(slug, source);
  const unsupported = source.verdict === 'unsupported';
  const named = t('cite.label', { label, name: source.document.name, locator: source.locator });
  return (
    <a
      {...rest}
      className={unsupported ? 'chip unsupported' : 'chip'}
      href={viewAddress(place)}
      aria-label={unsupported ? `${named}. ${t('cite.unsupported')}` : named}
      onClick={(event) => followInPage(event, () => onOpen(place))}
    >
      {label}
    </a>
  );
}

function ChipWithCard({ label, source }: { label: number; source: Source }) {
  const [shown, setShown] = useState(false);
  const trigger = useRef<HTMLAnchorElement>(null);
  const pressed = useRef(false); // until the pointer or the focus has left: the page is opening

  // Focus that a click or a closing viewer brought does not open the card, the keyboard's does.
  const isPointedAt = () => trigger.current?.matches(':hover, :focus-visible') === true;
  const release = () => (pressed.current = false);
  const press = () => {
    pressed.current = true;
    setShown(false);
  };
  return (
    <HoverCard.Root
      open={shown}
      onOpenChange={(open) => setShown(open && !pressed.current && isPointedAt())}
      openDelay={120}
      closeDelay={80}
    >
      <HoverCard.Trigger asChild>
        <Chip
          ref={trigger}
          label={label}
          source={source}
          onPointerDown={press}
          onPointerLeave={release}
          onBlur={release}
        />
      </HoverCard.Trigger>
      <HoverCard.Portal>
        <HoverCard.Content className="hover-card" side="top" sideOffset={6} collisionPadding={12}>
          <Card source={source} />
        </HoverCard.Content>
      </HoverCard.Portal>
    </HoverCard.Root>
  );
}

function Card({ source }: { source: Source }) {
  const { t } = useWords();
  return (
    <>
      <div className="hover-card-title">
        <Icon name="file" size={15} />
        <span>{source.document.name}</span>
      </div>
      <div className="hover-card-locator">{source.locator}</div>
      {source.quote && <blockquote>{source.quote}</blockquote>}
      {source.verdict === 'unsupported' && (
        <div className="hover-card-verdict">
          <Icon name="alert" size={15} />
          {t('cite.unsupported')}
        </div>
      )}
      <div className="hover-card-hint">{t('cite.open')}</div>
    </>
  );
}
