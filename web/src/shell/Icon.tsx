const paths = {
  alert: 'M12 8v5M12 16.5v.01M10.3 3.9 2.6 17.2A2 2 0 0 0 4.3 20h15.4a2 2 0 0 0 1.7-2.8L13.7 3.9a2 2 0 0 0-3.4 0z',
  arrowUp: 'M12 19V5M6 11l6-6 6 6',
  arrowDown: 'M12 5v14M6 13l6 6 6-6',
  bolt: 'M13 3 5.5 13.5H12L11 21l7.5-10.5H12z',
  chart: 'M5 20V10M12 20V4M19 20v-7',
  clock: 'M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17zM12 7.5V12l3 2',
  edit: 'M5 19h3.5L19 8.5 15.5 5 5 15.5zM13 7.5l3.5 3.5',
  folder: 'M3.5 7A1.5 1.5 0 0 1 5 5.5h4l2 2.5h8A1.5 1.5 0 0 1 20.5 9.5V17a1.5 1.5 0 0 1-1.5 1.5H5A1.5 1.5 0 0 1 3.5 17z',
  gear: 'M12 15.2a3.2 3.2 0 1 0 0-6.4 3.2 3.2 0 0 0 0 6.4zM12 3.5v2.3M12 18.2v2.3M3.5 12h2.3M18.2 12h2.3M6 6l1.6 1.6M16.4 16.4 18 18M18 6l-1.6 1.6M7.6 16.4 6 18',
  key: 'M14.5 13.5a4.5 4.5 0 1 0-4.2-3L4 16.8V20h3.2v-2.2h2.2v-2.2h1.8l2-2zM15.8 8.2v.01',
  list: 'M9 6.5h11M9 12h11M9 17.5h11M4.5 6.5v.01M4.5 12v.01M4.5 17.5v.01',
  people: 'M9 11.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.8 19.5c.4-3.2 3-5 6.2-5s5.8 1.8 6.2 5M16 11.5a3 3 0 1 0-1-5.8M17.5 14.8c2 .5 3.4 2.2 3.7 4.7',
  person: 'M12 11.5a3.8 3.8 0 1 0 0-7.6 3.8 3.8 0 0 0 0 7.6zM4.8 20c.5-3.5 3.5-5.5 7.2-5.5s6.7 2 7.2 5.5',
  shield: 'M12 3.5 5 6v5.5c0 4.3 2.9 7.4 7 9 4.1-1.6 7-4.7 7-9V6zM12 8.5v4.5M12 16v.01',
  check: 'm5 12.5 4.5 4.5L19 7.5',
  chevronDown: 'm7 10 5 5 5-5',
  chevronLeft: 'm14 7-5 5 5 5',
  chevronRight: 'm10 7 5 5-5 5',
  close: 'M6.5 6.5l11 11M17.5 6.5l-11 11',
  copy: 'M9 9h9a1 1 0 0 1 1 1v9a1 1 0 0 1-1 1H9a1 1 0 0 1-1-1v-9a1 1 0 0 1 1-1zM5 15H4.9A1 1 0 0 1 4 14V5a1 1 0 0 1 1-1h9a1 1 0 0 1 1 1v.1',
  download: 'M12 4v11M7 11l5 5 5-5M5 20h14',
  external: 'M14 5h5v5M19 5l-8 8M10 6H6a1 1 0 0 0-1 1v11a1 1 0 0 0 1 1h11a1 1 0 0 0 1-1v-4',
  file: 'M7 3.5h6.5L18.5 8.5V19a1.5 1.5 0 0 1-1.5 1.5H7A1.5 1.5 0 0 1 5.5 19V5A1.5 1.5 0 0 1 7 3.5zM13.5 3.5v5h5',
  fit: 'M4 12h16M7 9l-3 3 3 3M17 9l3 3-3 3',
  menu: 'M4 7h16M4 12h16M4 17h16',
  minus: 'M6 12h12',
  plus: 'M12 6v12M6 12h12',
  quote: 'M9.5 7.5C7 8.5 5.5 10.5 5.5 13.5v3h4.5v-4H7.6c0-2 .9-3.1 2.6-3.8zM18 7.5c-2.5 1-4 3-4 6v3h4.5v-4h-2.4c0-2 .9-3.1 2.6-3.8z',
  retry: 'M19 12a7 7 0 1 1-2.3-5.2M19 4v4h-4',
  search: 'M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM16.2 16.2 20.5 20.5',
  signout: 'M14 4H6.5A1.5 1.5 0 0 0 5 5.5v13A1.5 1.5 0 0 0 6.5 20H14M10 12h10M16.5 8.5 20 12l-3.5 3.5',
  stop: 'M8 8h8v8H8z',
  trash: 'M5 7h14M10 7V5h4v2M7 7l.8 12a1 1 0 0 0 1 1h6.4a1 1 0 0 0 1-1L17 7M10.5 11v5M13.5 11v5',
  upload: 'M12 16V5M7 9l5-5 5 5M5 20h14',
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name, size = 18 }: { name: IconName; size?: number }) {
  return (
    <svg
      className="icon"
      viewBox="0 0 24 24"
      width={size}
      height={size}
      fill={name === 'stop' ? 'currentColor' : 'none'}
      stroke="currentColor"
      strokeWidth="1.7"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      <path d={paths[name]} />
    </svg>
  );
}
