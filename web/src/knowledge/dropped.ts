/** What was dropped, with the files of folders and of the folders in them. */

const mostFiles = 5000;

/** Not the traces that systems leave in folders (.DS_Store, .git). */
export const isVisible = ({ name }: { name: string }) => !name.startsWith('.');

export async function filesIn(transfer: DataTransfer): Promise<File[]> {
  // Entries must be taken before the event is over; afterwards the list is empty.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.() ?? null);
  if (!entries.some((entry) => entry?.isDirectory)) return [...transfer.files];
  const found: File[] = [];
  for (const entry of entries) if (entry) await gather(entry, found);
  return found;
}

async function gather(entry: FileSystemEntry, into: File[]): Promise<void> {
  if (into.length >= mostFiles || !isVisible(entry)) return;
  if (entry.isFile) {
    into.push(await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject)));
    return;
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  for (;;) {
    // A reader hands over a hundred at a time.
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return;
    for (const one of some) await gather(one, into);
  }
}
