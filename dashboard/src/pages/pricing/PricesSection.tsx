import { Group, Stack, Text } from "@mantine/core";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import type { Schema } from "../../api/types";
import { useFormat } from "../../format/useFormat";
import { WordBadge } from "../../ui/badges";
import { Amount } from "../../ui/Amount";
import { EmptyState } from "../../ui/EmptyState";
import { Section } from "../../ui/Section";
import type { Column } from "../../ui/table/columns";
import { Rows } from "../../ui/table/Rows";
import { Time } from "../../ui/Time";

type Price = Schema<"Price">;
type Part = "input" | "cached_input" | "completion" | "images";

/** Parts with a price of their own in some models only. */
const OTHER = ["cache_write", "reasoning", "image", "audio", "image_completion", "audio_completion"] as const;

/** What models cost: for a million tokens, for 10,000 images; and of when the prices are. */
export function PricesSection({ pricing }: { pricing: Schema<"Pricing"> }) {
  const { t } = useTranslation("pricing");
  const format = useFormat();
  const columns = useColumns(pricing.prices);
  const { tokens, images } = pricing.prices_per;
  return (
    <Section title={t("current_pricing")}>
      {pricing.prices.length === 0 ? (
        <EmptyState title={t("no_prices")}>{t("no_prices_hint")}</EmptyState>
      ) : (
        <>
          <Text size="sm" c="dimmed" mb="sm">
            {t("prices_lead", { tokens: format.number(tokens), images: format.number(images) })}
          </Text>
          <Rows caption={t("current_pricing")} columns={columns} rows={pricing.prices} rowId={(row) => row.id} />
        </>
      )}
      {pricing.updated_at !== null && (
        <Text size="sm" c="dimmed" mt="sm">
          {t("prices_of")} <Time at={pricing.updated_at} />
        </Text>
      )}
    </Section>
  );
}

function useColumns(prices: Price[]): Column<Price>[] {
  const { t } = useTranslation("pricing");
  return useMemo(() => {
    const part = (id: Part): Column<Price> => ({
      id,
      header: t(`part.${id}`),
      align: "right",
      card: "line",
      cell: (row) => (row[id] === null ? "—" : <Amount value={row[id]} resource="credits" />),
    });
    return [
      { id: "model", header: t("model"), card: "title", cell: (row) => <ModelOf price={row} /> },
      part("input"),
      part("completion"),
      part("cached_input"),
      part("images"),
      // Most tables have nothing there.
      ...(prices.some((row) => OTHER.some((one) => row[one] !== null))
        ? [{ id: "other", header: t("part.other"), cell: (row: Price) => <Others price={row} /> }]
        : []),
    ];
  }, [t, prices]);
}

/** The model, and what of it the row is for. */
function ModelOf({ price }: { price: Price }) {
  const { t } = useTranslation("pricing");
  const format = useFormat();
  return (
    <Group gap={6}>
      <span>{price.model}</span>
      {price.service_tier !== "default" && <WordBadge color="violet">{price.service_tier}</WordBadge>}
      {price.above_prompt_tokens > 0 && (
        <Text size="xs" c="dimmed">
          {t("above", { tokens: format.number(price.above_prompt_tokens) })}
        </Text>
      )}
    </Group>
  );
}

function Others({ price }: { price: Price }) {
  const { t } = useTranslation("pricing");
  const format = useFormat();
  const priced = OTHER.flatMap((part) => {
    const amount = price[part];
    return amount === null ? [] : [{ part, text: `${t(`part.${part}`)} ${format.money(amount)}` }];
  });
  if (priced.length === 0) return "—";
  return (
    <Stack gap={0}>
      {priced.map(({ part, text }) => (
        <Text key={part} size="xs" component="span">
          {text}
        </Text>
      ))}
    </Stack>
  );
}
