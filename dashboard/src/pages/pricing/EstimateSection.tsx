import { Text } from "@mantine/core";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { reads } from "../../api/reads";
import { useScope } from "../../api/scope";
import type { Schema } from "../../api/types";
import { useRead } from "../../api/useRead";
import { useFormat } from "../../format/useFormat";
import { UnlimitedBadge } from "../../ui/badges";
import { EmptyState } from "../../ui/EmptyState";
import { Figure, Figures, FiguresWaiting } from "../../ui/Figure";
import { Loaded } from "../../ui/Loaded";
import { Section } from "../../ui/Section";
import type { Column } from "../../ui/table/columns";
import { Rows } from "../../ui/table/Rows";

type Estimate = Schema<"Estimate">;
type LeftByPrice = Schema<"LeftByPrice">;
type Left = Schema<"Left">;

const BY_PRICE = ["input_tokens", "completion_tokens", "cached_tokens", "images"] as const;
const BY_MIX = ["requests", "prompt_tokens", "completion_tokens", "cached_tokens"] as const;

/** How far the balance goes: by the mix of the last days, by each model alone, and by single prices. */
export function EstimateSection() {
  const { t } = useTranslation("pricing");
  const estimate = useRead(reads.estimate(useScope()));
  return (
    <Section title={t("estimated")}>
      <Loaded query={estimate} skeleton={<FiguresWaiting />}>
        {(answer) => (answer.unlimited ? <UnlimitedLeft /> : <Known estimate={answer} />)}
      </Loaded>
    </Section>
  );
}

function UnlimitedLeft() {
  const { t } = useTranslation("pricing");
  return (
    <Text>
      <UnlimitedBadge /> {t("unlimited_hint")}
    </Text>
  );
}

function Known({ estimate }: { estimate: Estimate }) {
  const { t } = useTranslation("pricing");
  const { left, left_by_model: byModel, left_by_price: byPrice, time_to_empty: empty, days } = estimate;
  const format = useFormat();
  return (
    <>
      {left === null ? (
        <EmptyState title={t("no_estimate")}>{t("no_estimate_hint")}</EmptyState>
      ) : (
        <>
          <Text size="sm" c="dimmed" mb="sm">
            {t("estimate_lead", { count: days })}
          </Text>
          <Figures>
            {BY_MIX.map((name) => (
              <Figure key={name} label={t(`left.${name}`)}>
                {format.number(left[name])}
              </Figure>
            ))}
          </Figures>
        </>
      )}
      {empty !== null && (
        <Text mt="sm">
          {t("empty_in", { duration: format.duration(empty.seconds), window: t(`window.${empty.window}`) })}
        </Text>
      )}
      {byModel.length > 1 && <Table caption={t("by_model")} rows={byModel} names={BY_MIX} />}
      {byPrice.length > 0 && <Table caption={t("by_price")} rows={byPrice} names={BY_PRICE} />}
    </>
  );
}

/** One row a model: what is left if nothing but this was used. */
function Table<Row extends Left | LeftByPrice>(props: {
  caption: string;
  rows: Row[];
  names: readonly (keyof Row & string)[];
}) {
  const { caption, rows, names } = props;
  const { t } = useTranslation("pricing");
  const format = useFormat();
  const columns = useMemo(
    (): Column<Row>[] => [
      { id: "model", header: t("model"), card: "title", cell: (row) => row.model ?? "—" },
      ...names.map((name): Column<Row> => ({
        id: name,
        header: t(`left.${name}`),
        align: "right",
        card: "line",
        cell: (row) => {
          const count = row[name];
          return typeof count === "number" ? format.number(count) : "—";
        },
      })),
    ],
    [t, format, names],
  );
  return (
    <>
      <Text fw={600} mt="lg" mb="xs" component="h3">
        {caption}
      </Text>
      <Rows caption={caption} columns={columns} rows={rows} rowId={(row) => row.model ?? ""} />
    </>
  );
}
