/** What the browser keeps between visits; nothing where it keeps none (private windows, blocked storage). */

export function remembered(key: string): string | null {
  try {
    return localStorage.getItem(`doumi.${key}`);
  } catch {
    return null;
  }
}

export function remember(key: string, value: string): void {
  try {
    localStorage.setItem(`doumi.${key}`, value);
  } catch {
    // Then it is asked again next time.
  }
}
