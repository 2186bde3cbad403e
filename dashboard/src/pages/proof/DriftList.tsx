import { Anchor } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { adminReads } from "../../api/adminReads";
import type { Schema } from "../../api/types";
import { useList } from "../../api/useRead";
import { useFormat } from "../../format/useFormat";
import { EmptyState } from "../../ui/EmptyState";
import { Section } from "../../ui/Section";
import type { Column } from "../../ui/table/columns";
import { DataTable } from "../../ui/table/DataTable";
import { Time } from "../../ui/Time";
import { usePages } from "../../ui/usePages";

type Drift = Schema<"Drift">;

/** What was found different in Redis from Postgres, newest first. */
export function DriftList() {
  const { t } = useTranslation("proof");
  const format = useFormat();
  const pages = usePages("drift");
  const drift = useList(adminReads.drift({ limit: 10, ...(pages.cursor ? { cursor: pages.cursor } : {}) }));
  const value = (one: string | number | null) => (typeof one === "number" ? format.number(one) : (one ?? "–"));
  const columns: Column<Drift>[] = [
    { id: "at", header: t("drift.at"), card: "title", cell: (row) => <Time at={row.at} /> },
    {
      id: "account",
      header: t("account"),
      card: "line",
      cell: (row) => (
        <Anchor component={Link} to={`/admin/accounts/${row.account_id}/overview`} size="sm">
          {row.account_id.slice(0, 13)}…
        </Anchor>
      ),
    },
    { id: "field", header: t("drift.field"), card: "line", cell: (row) => row.field },
    { id: "postgres", header: "Postgres", align: "right", card: "line", cell: (row) => value(row.postgres) },
    { id: "redis", header: "Redis", align: "right", card: "line", cell: (row) => value(row.redis) },
    {
      id: "repaired",
      header: t("drift.outcome"),
      card: "title",
      cell: (row) => t(row.repaired ? "drift.is_repaired" : "drift.is_open"),
    },
  ];
  return (
    <Section title={t("drift.list")}>
      <DataTable
        caption={t("drift.list")}
        columns={columns}
        query={drift}
        rowId={(row) => `${row.at} ${row.account_id} ${row.field}`}
        pages={pages}
        empty={<EmptyState title={t("drift.none")}>{t("drift.none_hint")}</EmptyState>}
      />
    </Section>
  );
}
