import { describe, expect, test } from "vitest";
import { LANGUAGES } from "../../app/languages";

interface Words {
  [key: string]: Words | string;
}

const files = import.meta.glob<Words>(["../../pages/*/words/*.json", "./*.json"], { import: "default", eager: true });
const sources = import.meta.glob<string>("../../**/*.{ts,tsx}", { query: "?raw", import: "default", eager: true });
const PLURAL = /_(zero|one|two|few|many|other)$/;

function flat(words: Words, prefix = ""): Map<string, string> {
  return new Map(
    Object.entries(words).flatMap(([key, value]) =>
      typeof value === "string" ? [[prefix + key, value] as const] : [...flat(value, `${prefix}${key}.`)],
    ),
  );
}

/** The folder of a catalogue, and its words by language. */
const catalogues = new Map<string, Map<string, Map<string, string>>>();
for (const [file, words] of Object.entries(files)) {
  const folder = file.replace(/[^/]+$/, "");
  const language = file.slice(folder.length).replace(".json", "");
  catalogues.set(folder, (catalogues.get(folder) ?? new Map<string, Map<string, string>>()).set(language, flat(words)));
}

const named = (text: string) => [...text.matchAll(/\{\{(\w+)\}\}/g)].map((match) => match[1]).sort();

describe.each([...catalogues])("%s", (_, byLanguage) => {
  const english = byLanguage.get("en") ?? new Map<string, string>();
  const bare = (words: Map<string, string>) => [...new Set([...words.keys()].map((key) => key.replace(PLURAL, "")))];

  test("is there in all languages", () => {
    expect([...byLanguage.keys()].sort()).toEqual(Object.keys(LANGUAGES).sort());
  });

  test.each([...byLanguage])("%s has the same words as English", (language, words) => {
    expect(bare(words).sort()).toEqual(bare(english).sort());
    for (const [key, text] of words) {
      expect(text, key).not.toBe("");
      const twin = english.get(key) ?? english.get(key.replace(PLURAL, "_other")) ?? "";
      // "one" may leave its number out.
      if (!key.endsWith("_one")) expect(named(text), key).toEqual(named(twin));
    }
    const plurals = new Intl.PluralRules(language).resolvedOptions().pluralCategories;
    const counted = [...words.keys()].filter((key) => PLURAL.test(key)).map((key) => key.replace(PLURAL, ""));
    for (const key of counted) {
      for (const category of plurals) expect(words.has(`${key}_${category}`), `${key}_${category}`).toBe(true);
    }
  });
});

test("every word that the source names is in the catalogue of its page, or shared", () => {
  const shared = catalogues.get("./")?.get("en") ?? new Map<string, string>();
  const missing: string[] = [];
  for (const [file, source] of Object.entries(sources)) {
    const page = /pages\/([^/]+)\//.exec(file)?.[1];
    const own = page === undefined ? undefined : catalogues.get(`../../pages/${page}/words/`)?.get("en");
    for (const [, key = ""] of source.matchAll(/\bt\(\s*"([^"]+)"/g)) {
      const there = [own, shared].some((words) => words?.has(key) ?? false);
      const counted = [own, shared].some((words) => words?.has(`${key}_other`) ?? false);
      if (!there && !counted) missing.push(`${file}: ${key}`);
    }
  }
  expect(missing).toEqual([]);
});
