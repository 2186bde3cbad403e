import { describe, expect, test } from "vitest";

const files = import.meta.glob<string>(["../../pages/*/words/*.json", "./*.json"], {
  query: "?raw",
  import: "default",
  eager: true,
});

/** What a typesetter of each language would mend, by what is found in a message. */
const MENDED: Record<string, [name: string, found: RegExp][]> = {
  en: [["a straight apostrophe", /\w'\w/]],
  de: [
    ["quotes that are not „…“", /"|”|«|'/],
    ["a hyphen for a dash", / - /],
  ],
  fr: [
    ["no narrow no-break space before ; : ! ? » or after «", /[^\u202f][;!?»]|[^\u202f]:(?!\d)|«[^\u202f]/],
    ["a straight apostrophe or quote", /['"]/],
  ],
  es: [
    ["a question or exclamation that does not begin as one", /^[^¿]*\?|^[^¡]*!/],
    ["quotes that are not «…»", /["“”']/],
  ],
  zh: [
    ["a narrow mark beside Chinese", /[\u4e00-\u9fff][,:;?!(]|[,:;?!)][\u4e00-\u9fff]/],
    ["another word for a token", /令牌|(?<![\w{])tokens?\b/],
  ],
};

/** Words for which the glossary (README) has another one: a term that has two names is two things to a reader. */
const ONE_WORD: Record<string, RegExp> = {
  de: /Geheimnis|zurückgelegt|Plattformverwaltung|Probierfeld/i,
  fr: /\bjetons?\b|\blots?\b|octro|retenue|\binvites?\b|grand livre/i,
  es: /\bvenc|período|banco de pruebas|\binstrucción/i,
  zh: /授予|欠额|提供方|回答|补全/,
};

const messages = Object.entries(files).flatMap(([file, text]) => {
  const language = /(\w+)\.json$/.exec(file)?.[1] ?? "";
  return text.split("\n").flatMap((line) => {
    const [, key, value] = /^\s*"([^"]+)": "(.*)",?$/.exec(line) ?? [];
    return value === undefined ? [] : [{ place: `${file} ${key}`, language, value: value.replaceAll('\\"', '"') }];
  });
});

const found = (language: string, mistake: RegExp) =>
  messages
    .filter((one) => one.language === language && mistake.test(one.value.replace(/\{\{.*?\}\}/g, "0")))
    .map(({ place, value }) => `${place}: ${value}`);

describe.each(Object.entries(MENDED))("%s", (language, mistakes) => {
  test.each(mistakes)("has no message with %s", (_, mistake) => {
    expect(found(language, mistake)).toEqual([]);
  });
});

test.each(Object.entries(ONE_WORD))("%s keeps to the words of the glossary", (language, others) => {
  expect(found(language, others)).toEqual([]);
});
