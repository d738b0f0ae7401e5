import { useCallback, useEffect, useRef, useState } from 'react';

export interface Loaded<T> {
  value: T | null;
  error: unknown;
  reload: () => Promise<void>;
  put: (value: T) => void;
}

/** What `load` brings, once now and again whenever `reload` is called or `key` changes. */
export function useLoaded<T>(key: string, load: () => Promise<T>): Loaded<T> {
  const [value, setValue] = useState<T | null>(null);
  const [error, setError] = useState<unknown>(null);
  const newest = useRef(load);
  newest.current = load;
  const asked = useRef(0);

  const reload = useCallback(async () => {
    const mine = ++asked.current;
    try {
      const found = await newest.current();
      if (mine !== asked.current) return; // something newer was asked for meanwhile
      setValue(found);
      setError(null);
    } catch (reason) {
      if (mine === asked.current) setError(reason);
    }
  }, []);

  useEffect(() => {
    setValue(null);
    void reload();
  }, [key, reload]);

  return { value, error, reload, put: setValue };
}
