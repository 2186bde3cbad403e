import { Progress, Text } from "@mantine/core";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Schema } from "../../api/types";
import { percentOf } from "../../format/amounts";
import { useFormat } from "../../format/useFormat";
import { Amount } from "../../ui/Amount";
import { EmptyState } from "../../ui/EmptyState";
import { Loaded } from "../../ui/Loaded";
import { Section } from "../../ui/Section";
import type { Column } from "../../ui/table/columns";
import { Rows } from "../../ui/table/Rows";
import { sortedBy } from "./members";
import { useMemberTotals } from "./useMemberTotals";
import type { UsageFilters } from "./useUsageFilters";

type Totals = Schema<"UsagePoint">;

/** Who used what, and who went beyond their own budget: the largest part of the surplus first. */
export function MembersSection({ usage }: { usage: UsageFilters }) {
  const { t } = useTranslation("usage");
  const totals = useMemberTotals(usage);
  const [sort, setSort] = useState("-surplus_amount");
  const columns = useColumns(usage.resource);
  return (
    <Section title={t("who_dips")}>
      <Text size="sm" c="dimmed" mb="sm">
        {t("who_dips_lead")}
      </Text>
      <Loaded query={totals}>
        {({ data }) =>
          data.length === 0 ? (
            <EmptyState title={t("no_usage")}>{t(usage.filters.any ? "no_match_hint" : "no_usage_hint")}</EmptyState>
          ) : (
            <Rows
              caption={t("who_dips")}
              columns={columns}
              rows={sortedBy(data, sort)}
              rowId={(row) => row.user_id ?? ""}
              sorting={{ sort, onSort: setSort }}
              openOf={({ user_id: user }) => (user ? () => usage.filters.set({ user_id: [user] }) : undefined)}
              openLabel={({ user_id: user }) => (user ? t("only", { user }) : t("nobody"))}
            />
          )
        }
      </Loaded>
    </Section>
  );
}

function useColumns(resource: string): Column<Totals>[] {
  const { t } = useTranslation("usage");
  const format = useFormat();
  return useMemo(() => {
    const amount = (id: "allocated_amount" | "surplus_amount" | "charge"): Column<Totals> => ({
      id,
      header: t(`member.${id}`),
      sort: id,
      align: "right",
      card: "line",
      cell: (row) => <Amount value={row[id]} resource={resource} />,
    });
    return [
      {
        id: "user_id",
        header: t("user_id"),
        sort: "user_id",
        card: "title",
        cell: (row) => row.user_id ?? t("nobody"),
      },
      {
        id: "requests",
        header: t("member.requests"),
        sort: "requests",
        align: "right",
        card: "line",
        cell: (row) => format.number(row.requests),
      },
      amount("charge"),
      amount("allocated_amount"),
      amount("surplus_amount"),
      { id: "share", header: t("member.share"), card: "line", cell: (row) => <Share row={row} /> },
    ];
  }, [t, format, resource]);
}

function Share({ row }: { row: Totals }) {
  const { t } = useTranslation("usage");
  const format = useFormat();
  const percent = Math.round(percentOf(row.surplus_amount, row.charge));
  return (
    <div style={{ minWidth: 96 }}>
      <Text size="sm">{format.percent(percent)}</Text>
      <Progress value={percent} color="orange.6" size="sm" aria-label={t("member.share")} />
    </div>
  );
}
