/** The ending of a file's name as a small badge. */
export function FileBadge({ name }: { name: string }) {
  const ending = /\.([^.]{1,5})$/.exec(name)?.[1]?.toLowerCase() ?? '';
  return (
    <span className="file-badge" data-kind={ending} aria-hidden="true">
      {ending || '–'}
    </span>
  );
}
