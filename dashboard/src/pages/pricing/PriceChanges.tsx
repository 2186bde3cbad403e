import { Alert, Box, Text } from "@mantine/core";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import type { Schema } from "../../api/types";
import { useFormat } from "../../format/useFormat";
import type { Column } from "../../ui/table/columns";
import { Rows } from "../../ui/table/Rows";

type Change = Schema<"PriceChange">;
type Quote = Schema<"PriceQuote">;

const PARTS = [
  "input",
  "cached_input",
  "completion",
  "images",
  "cache_write",
  "reasoning",
  "image",
  "audio",
  "image_completion",
  "audio_completion",
] as const;

/** What would change: each price before and after it, and the models that the source does not know. */
export function PriceChanges({ found }: { found: Schema<"ImportedPrices"> }) {
  const { t } = useTranslation("pricing");
  const format = useFormat();
  const columns = useColumns();
  return (
    <>
      <Text size="sm" c="dimmed">
        {t("source", { source: found.source })}
      </Text>
      {found.changes.length === 0 ? (
        <Text fw={600}>{t("up_to_date")}</Text>
      ) : (
        <Box mah="45vh" style={{ overflowY: "auto" }}>
          <Rows
            caption={t("changes")}
            columns={columns}
            rows={found.changes}
            rowId={({ after }) => `${after.model} ${after.service_tier ?? ""} ${after.above_prompt_tokens ?? 0}`}
          />
        </Box>
      )}
      {found.unknown.length > 0 && <Alert color="yellow">{t("unknown", { models: format.list(found.unknown) })}</Alert>}
    </>
  );
}

function useColumns(): Column<Change>[] {
  const { t } = useTranslation("pricing");
  return useMemo(
    () => [
      { id: "model", header: t("model"), card: "title", cell: ({ after }) => nameOf(after) },
      { id: "change", header: t("change"), card: "line", cell: (change) => <Changed change={change} /> },
    ],
    [t],
  );
}

function nameOf({ model, service_tier: tier, above_prompt_tokens: above }: Quote): string {
  return [model, tier === "default" ? "" : tier, above ? `> ${above}` : ""].filter(Boolean).join(" ");
}

/** The parts whose price is another one afterwards. */
function Changed({ change: { before, after } }: { change: Change }) {
  const { t } = useTranslation("pricing");
  const format = useFormat();
  if (after.ended) return t("ends");
  const money = (amount: number | null | undefined) => (amount == null ? "—" : format.money(amount));
  return PARTS.filter((part) => (before?.[part] ?? null) !== (after[part] ?? null)).map((part) => (
    <Text key={part} size="sm">
      {t("pair", { name: t(`part.${part}`), value: `${money(before?.[part])} → ${money(after[part])}` })}
    </Text>
  ));
}
