import { expect, test } from "vitest";
import { firstLanguage, tagOf } from "./languages";
import { keptInterval } from "./refresh";

test("the language is the reader's choice, else their browser's, else English", () => {
  expect(firstLanguage("fr", ["de-AT"])).toBe("fr");
  expect(firstLanguage(null, ["pt-BR", "de-AT"])).toBe("de");
  expect(firstLanguage("klingon", ["zh-Hans-CN"])).toBe("zh");
  expect(firstLanguage(null, ["pt"])).toBe("en");
});

test("reads are refreshed every 30 seconds unless the reader chose otherwise", () => {
  expect([keptInterval(null), keptInterval("0"), keptInterval("600"), keptInterval("7")]).toEqual([30, 0, 600, 30]);
});

test("the page says in which language it is, and of Chinese in which characters", () => {
  expect(["de", "zh"].map(tagOf)).toEqual(["de", "zh-Hans"]);
});
