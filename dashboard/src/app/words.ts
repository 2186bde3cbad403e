import i18next, { type ReadCallback } from "i18next";
import { initReactI18next, useTranslation } from "react-i18next";
import { firstLanguage, keepLanguage, keptLanguage, LANGUAGES, tagOf, type Language } from "./languages";

type Catalogue = Record<string, unknown>;

// One file for each page and language, fetched when the page is; a page's folder is the namespace of its words.
const ofPages = import.meta.glob<Catalogue>("../pages/*/words/*.json", { import: "default" });
const ofPieces = import.meta.glob<Catalogue>("../ui/words/*.json", { import: "default" });

function catalogue(language: string, namespace: string): Promise<Catalogue> {
  const load =
    namespace === "ui"
      ? ofPieces[`../ui/words/${language}.json`]
      : ofPages[`../pages/${namespace}/words/${language}.json`];
  return load === undefined ? Promise.reject(new Error(`No words of ${namespace} in ${language}.`)) : load();
}

const lazily = {
  type: "backend" as const,
  read(language: string, namespace: string, done: ReadCallback) {
    catalogue(language, namespace).then(
      (words) => done(null, words),
      (error: unknown) => done(error instanceof Error ? error : new Error(String(error)), false),
    );
  },
};

export async function startWords(): Promise<void> {
  i18next.on("languageChanged", (language) => {
    document.documentElement.lang = tagOf(language);
  });
  await i18next
    .use(lazily)
    .use(initReactI18next)
    .init({
      lng: firstLanguage(keptLanguage(), navigator.languages),
      supportedLngs: Object.keys(LANGUAGES),
      fallbackLng: false,
      ns: ["ui"],
      defaultNS: "ui",
      fallbackNS: "ui", // A page uses the shared words without naming where they are.
      interpolation: { escapeValue: false }, // React escapes.
    });
}

export async function chooseLanguage(language: Language): Promise<void> {
  keepLanguage(language);
  await i18next.changeLanguage(language);
}

/** The language that the page is shown in. */
export function useLanguage(): Language {
  return useTranslation().i18n.language as Language;
}
