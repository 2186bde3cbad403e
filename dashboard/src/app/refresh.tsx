import { createContext, use, useMemo, useState, type ReactNode } from "react";

/** How often every read is made again, in seconds; 0 is never. */
export const INTERVALS = [0, 10, 30, 600] as const;

export type RefreshSeconds = (typeof INTERVALS)[number];

const DEFAULT: RefreshSeconds = 30;
const KEPT_AS = "farebox-refresh-seconds";

interface Refresh {
  seconds: RefreshSeconds;
  choose: (seconds: RefreshSeconds) => void;
}

const RefreshContext = createContext<Refresh>({ seconds: DEFAULT, choose: () => undefined });

export function keptInterval(text: string | null): RefreshSeconds {
  return INTERVALS.find((seconds) => String(seconds) === text) ?? DEFAULT;
}

export function RefreshProvider({ children }: { children: ReactNode }) {
  const [seconds, setSeconds] = useState(() => keptInterval(localStorage.getItem(KEPT_AS)));
  const value = useMemo(
    () => ({
      seconds,
      choose: (chosen: RefreshSeconds) => {
        localStorage.setItem(KEPT_AS, String(chosen));
        setSeconds(chosen);
      },
    }),
    [seconds],
  );
  return <RefreshContext value={value}>{children}</RefreshContext>;
}

export function useRefresh(): Refresh {
  return use(RefreshContext);
}
