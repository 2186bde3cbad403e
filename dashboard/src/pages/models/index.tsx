import { Stack, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { adminReads } from "../../api/adminReads";
import type { Schema } from "../../api/types";
import { useRead } from "../../api/useRead";
import { useFormat } from "../../format/useFormat";
import { EmptyState } from "../../ui/EmptyState";
import { Page } from "../../ui/Page";
import type { Column } from "../../ui/table/columns";
import { DataTable } from "../../ui/table/DataTable";

type Model = Schema<"ModelConfigured">;

/** The models as configured; the configuration alone changes them. */
export function Component() {
  const { t } = useTranslation("models");
  const models = useRead(adminReads.models());
  const columns = useColumns();
  return (
    <Page title={t("nav.models")} lead={t("lead")}>
      <DataTable
        caption={t("nav.models")}
        columns={columns}
        query={models}
        rowId={(row) => row.model}
        empty={<EmptyState title={t("empty")}>{t("empty_hint")}</EmptyState>}
      />
    </Page>
  );
}

function useColumns(): Column<Model>[] {
  const { t } = useTranslation("models");
  const format = useFormat();
  return [
    {
      id: "model",
      header: t("model"),
      card: "title",
      cell: (row) => (
        <Stack gap={0}>
          <Text fw={600}>{row.model}</Text>
          {row.upstream_model !== row.model && (
            <Text size="sm" c="dimmed">
              {row.upstream_model}
            </Text>
          )}
        </Stack>
      ),
    },
    {
      id: "provider",
      header: t("provider"),
      card: "line",
      cell: (row) => (row.provider === row.kind ? row.provider : `${row.provider} (${row.kind})`),
    },
    {
      id: "context",
      header: t("context"),
      align: "right",
      card: "line",
      cell: (row) => format.number(row.context_tokens),
    },
    {
      id: "longest",
      header: t("longest"),
      align: "right",
      card: "line",
      cell: (row) => format.number(row.max_completion_tokens),
    },
    { id: "hold", header: t("hold"), align: "right", cell: (row) => format.number(row.default_hold_tokens) },
    { id: "rates", header: t("rates"), cell: (row) => <Rates rates={row.rates} /> },
    { id: "prices", header: t("prices"), cell: (row) => <Prices prices={row.prices} /> },
    { id: "encoding", header: t("encoding"), cell: (row) => row.encoding },
    {
      id: "fallbacks",
      header: t("fallbacks"),
      cell: (row) => (row.fallbacks.length === 0 ? "–" : format.list(row.fallbacks)),
    },
  ];
}

function Rates({ rates }: { rates: Model["rates"] }) {
  const { t } = useTranslation("models");
  const format = useFormat();
  return (
    <Stack gap={0}>
      {Object.entries(rates).map(([of, rate]) => (
        <Text key={of} size="xs" style={{ whiteSpace: "nowrap" }}>
          {t(`rate.${of}`, { defaultValue: of })} × {format.number(rate)}
        </Text>
      ))}
    </Stack>
  );
}

/** What a million tokens cost, in and out, of the row that holds for most requests. */
function Prices({ prices }: { prices: Model["prices"] }) {
  const { t } = useTranslation("models");
  const format = useFormat();
  const usual = prices.find((price) => price.above_prompt_tokens === 0) ?? prices[0];
  if (!usual) return <>{t("no_price")}</>;
  const money = (micro: number | null) => (micro === null ? "–" : format.money(micro));
  return (
    <Text size="sm" style={{ whiteSpace: "nowrap" }}>
      {t("price", { input: money(usual.input), completion: money(usual.completion) })}
    </Text>
  );
}
