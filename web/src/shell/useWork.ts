import { useCallback, useState } from 'react';

/** Something that is sent: whether it is on its way, and why it was not taken. */
export function useWork() {
  const [working, setWorking] = useState(false);
  const [problem, setProblem] = useState<unknown>(null);
  const run = useCallback(async (work: () => Promise<unknown>): Promise<boolean> => {
    setWorking(true);
    setProblem(null);
    try {
      await work();
      return true;
    } catch (reason) {
      setProblem(reason);
      return false;
    } finally {
      setWorking(false);
    }
  }, []);
  return { working, problem, run };
}
