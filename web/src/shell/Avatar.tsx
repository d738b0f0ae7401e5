/** The first letter of a name on a colour of its own. */
export function Avatar({ name, seed, size = 30 }: { name: string; seed: string; size?: number }) {
  let hash = 0;
  for (const character of seed) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) % 360;
  const letter = [...name.trim()][0] ?? '·';
  const style = { '--hue': hash, width: size, height: size, fontSize: size * 0.46 } as React.CSSProperties;
  return (
    <span className="avatar" style={style} aria-hidden="true">
      {letter.toUpperCase()}
    </span>
  );
}
