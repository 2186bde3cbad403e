/** The languages of the catalogue, each by its own name. */
export const LANGUAGES = { en: "English", de: "Deutsch", fr: "Français", es: "Español", zh: "中文" } as const;

// Which characters are meant: without it a browser may take Japanese or traditional ones for Chinese.
const TAGS: Partial<Record<string, string>> = { zh: "zh-Hans" };

/** What `lang` says of a language. */
export function tagOf(language: string): string {
  return TAGS[language] ?? language;
}

export type Language = keyof typeof LANGUAGES;

const KEPT_AS = "farebox-language";

export function isLanguage(text: string | null): text is Language {
  return text !== null && text in LANGUAGES;
}

/** What the reader chose before, else the first language of their browser that there is, else English. */
export function firstLanguage(kept: string | null, wanted: readonly string[]): Language {
  if (isLanguage(kept)) return kept;
  for (const tag of wanted) {
    const [primary = ""] = tag.toLowerCase().split("-");
    if (isLanguage(primary)) return primary;
  }
  return "en";
}

export function keptLanguage(): string | null {
  return localStorage.getItem(KEPT_AS);
}

export function keepLanguage(language: Language): void {
  localStorage.setItem(KEPT_AS, language);
}
