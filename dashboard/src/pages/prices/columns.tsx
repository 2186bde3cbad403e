import { Stack, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { Schema } from "../../api/types";
import { useFormat } from "../../format/useFormat";
import type { Column } from "../../ui/table/columns";
import { Time } from "../../ui/Time";
import { PRICES, type PriceName } from "./form";

type Price = Schema<"Price">;

const OWN_COLUMN: readonly PriceName[] = ["input", "cached_input", "completion"];

export function usePriceColumns(): Column<Price>[] {
  const { t } = useTranslation("prices");
  const format = useFormat();
  const money = (name: PriceName): Column<Price> => ({
    id: name,
    header: t(`price.${name}`),
    align: "right",
    card: "line",
    cell: (row) => (row[name] === null ? "–" : format.money(row[name])),
  });
  return [
    {
      id: "model",
      header: t("model"),
      card: "title",
      cell: (row) => (
        <Stack gap={0}>
          <Text fw={600}>{row.model}</Text>
          <Text size="xs" c="dimmed">
            {[
              row.service_tier,
              row.above_prompt_tokens > 0 && t("above_line", { tokens: format.number(row.above_prompt_tokens) }),
              row.ended && t("ended"),
            ]
              .filter((part) => part !== false && part !== "")
              .join(" · ")}
          </Text>
        </Stack>
      ),
    },
    ...OWN_COLUMN.map(money),
    { id: "others", header: t("others"), cell: (row) => <Others row={row} /> },
    { id: "from", header: t("valid_from"), card: "line", cell: (row) => <Time at={row.valid_from} /> },
    { id: "source", header: t("source"), cell: (row) => row.source },
  ];
}

function Others({ row }: { row: Price }) {
  const { t } = useTranslation("prices");
  const format = useFormat();
  const set = PRICES.filter((name) => !OWN_COLUMN.includes(name) && row[name] !== null);
  if (set.length === 0) return <>–</>;
  return (
    <Stack gap={0}>
      {set.map((name) => (
        <Text key={name} size="xs" style={{ whiteSpace: "nowrap" }}>
          {t("pair", { name: t(`price.${name}`), value: format.money(row[name] ?? 0) })}
        </Text>
      ))}
    </Stack>
  );
}
