import { Box, NumberInput, Select, SimpleGrid, Stack, Text, Textarea } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { EmptyState } from "../../ui/EmptyState";
import { Loaded } from "../../ui/Loaded";
import { Section } from "../../ui/Section";
import { ColouredTokens } from "./ColouredTokens";
import { CountFacts } from "./CountFacts";
import { useCount, type Counted } from "./useCount";

const PAUSE_MS = 400; // After the last key, before it is counted.
const NO_TOKENS: never[] = [];

/** Paste a prompt, choose a model: its tokens, and what it would hold and cost. */
export function Calculator({ models }: { models: string[] }) {
  const { t } = useTranslation("pricing");
  const [prompt, setPrompt] = useState("");
  const [chosen, setChosen] = useState<string | null>(null);
  const [longest, setLongest] = useState<number | null>(null);
  const model = chosen ?? models[0] ?? "";
  const [asked] = useDebouncedValue({ model, prompt, longest }, PAUSE_MS);
  const count = useCount(asked);
  return (
    <Section title={t("calculator")}>
      <Text size="sm" c="dimmed" mb="sm">
        {t("calculator_lead")}
      </Text>
      <Stack>
        <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="sm">
          <Select
            label={t("model")}
            searchable
            allowDeselect={false}
            value={model}
            onChange={setChosen}
            data={models}
            nothingFoundMessage={t("no_models")}
          />
          <NumberInput
            label={t("longest_reply")}
            placeholder={t("models_own")}
            min={1}
            allowDecimal={false}
            allowNegative={false}
            thousandSeparator=","
            hideControls
            value={longest ?? ""}
            onChange={(value) => setLongest(typeof value === "number" && value > 0 ? value : null)}
          />
        </SimpleGrid>
        <Textarea
          label={t("prompt")}
          placeholder={t("paste")}
          autosize
          minRows={4}
          maxRows={12}
          value={prompt}
          onChange={(event) => setPrompt(event.currentTarget.value)}
        />
        {prompt === "" || asked.prompt === "" ? (
          <EmptyState title={t("nothing_to_count")}>{t("nothing_to_count_hint")}</EmptyState>
        ) : (
          <Loaded query={count}>{(answer) => <Answer counted={answer} waiting={count.isPlaceholderData} />}</Loaded>
        )}
      </Stack>
    </Section>
  );
}

function Answer({ counted, waiting }: { counted: Counted; waiting: boolean }) {
  const { t } = useTranslation("pricing");
  const tokens = counted.boundaries?.[0]?.tokens ?? NO_TOKENS;
  return (
    <Box opacity={waiting ? 0.55 : 1} aria-busy={waiting}>
      <ColouredTokens text={counted.text} tokens={tokens} />
      <Text size="sm" c="dimmed" mt="xs" mb="md" role="status">
        {counted.boundaries_complete === false
          ? t("tokens_cut", { count: tokens.length })
          : t("tokens_counted", { count: tokens.length })}
      </Text>
      <CountFacts counted={counted} />
    </Box>
  );
}
