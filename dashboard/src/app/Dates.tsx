import { DatesProvider } from "@mantine/dates";
import "dayjs/locale/de";
import "dayjs/locale/es";
import "dayjs/locale/fr";
import "dayjs/locale/zh-cn";
import type { ReactNode } from "react";
import type { Language } from "./languages";
import { useLanguage } from "./words";

const LOCALES: Record<Language, string> = { en: "en", de: "de", fr: "fr", es: "es", zh: "zh-cn" };

/** The calendars of date fields in the reader's language. */
export function Dates({ children }: { children: ReactNode }) {
  return <DatesProvider settings={{ locale: LOCALES[useLanguage()] }}>{children}</DatesProvider>;
}
