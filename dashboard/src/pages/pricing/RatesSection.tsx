import { Code, Group, Text } from "@mantine/core";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import type { Schema } from "../../api/types";
import { EmptyState } from "../../ui/EmptyState";
import { Section } from "../../ui/Section";
import type { Column } from "../../ui/table/columns";
import { Rows } from "../../ui/table/Rows";
import { useRate } from "./useRate";

type ModelRates = Schema<"ModelRates">;
type PricedFeature = Schema<"PricedFeature">;

const MAIN = ["prompt", "completion", "cached"] as const;

/** What one token of a model is charged, for an account in tokens; in credits the price table says it. */
export function TokenRatesSection({ rates }: { rates: ModelRates[] }) {
  const { t } = useTranslation("pricing");
  const rateOf = useRate();
  const columns = useMemo(
    (): Column<ModelRates>[] => [
      { id: "model", header: t("model"), card: "title", cell: (row) => row.model },
      ...MAIN.map((part): Column<ModelRates> => ({
        id: part,
        header: t(`rate.${part}`),
        align: "right",
        card: "line",
        cell: (row) => {
          // A part without a rate of its own is charged as the whole of which it is a part.
          const rate = row.rates[part] ?? row.rates.prompt;
          return rate === undefined ? "—" : rateOf(rate, row.unit);
        },
      })),
      // Most models have no rates but these.
      ...(rates.some((row) => othersOf(row).length > 0)
        ? [
            {
              id: "other",
              header: t("part.other"),
              cell: (row: ModelRates) =>
                othersOf(row)
                  .map(([part, rate]) =>
                    t("pair", { name: t(`rate.${part}`, { defaultValue: part }), value: rateOf(rate, row.unit) }),
                  )
                  .join(", ") || "—",
            },
          ]
        : []),
    ],
    [t, rateOf, rates],
  );
  return (
    <Section title={t("token_rates")}>
      <Text size="sm" c="dimmed" mb="sm">
        {t("token_rates_lead")}
      </Text>
      {rates.length === 0 ? (
        <EmptyState title={t("no_models")}>{t("no_models_hint")}</EmptyState>
      ) : (
        <Rows caption={t("token_rates")} columns={columns} rows={rates} rowId={(row) => row.model} />
      )}
    </Section>
  );
}

function othersOf({ rates }: ModelRates): [string, number][] {
  return Object.entries(rates).filter(([part]) => !MAIN.some((main) => main === part));
}

/** What features charge instead: by the word, the character, the token, or once a request. */
export function FeatureRatesSection({ features }: { features: PricedFeature[] }) {
  const { t } = useTranslation("pricing");
  const rateOf = useRate();
  const columns = useMemo(
    (): Column<PricedFeature>[] => [
      {
        id: "feature",
        header: t("feature"),
        card: "title",
        cell: (row) => (
          <Group gap={6}>
            <span>{row.name}</span>
            <Code>{row.feature}</Code>
          </Group>
        ),
      },
      { id: "model", header: t("model"), card: "line", cell: (row) => row.model ?? t("any_model") },
      {
        id: "rate",
        header: t("feature_rate"),
        align: "right",
        card: "line",
        cell: (row) => t(`per.${row.base}`, { rate: rateOf(row.rate, row.unit) }),
      },
    ],
    [t, rateOf],
  );
  return (
    <Section title={t("feature_rates")}>
      {features.length === 0 ? (
        <EmptyState title={t("no_features")}>{t("no_features_hint")}</EmptyState>
      ) : (
        <Rows
          caption={t("feature_rates")}
          columns={columns}
          rows={features}
          rowId={(row) => `${row.feature} ${row.model ?? ""} ${row.unit}`}
        />
      )}
    </Section>
  );
}
