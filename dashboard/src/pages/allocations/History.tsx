import { useMemo, type Ref } from "react";
import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router";
import { useTo } from "../../api/scope";
import type { Schema } from "../../api/types";
import { Amount } from "../../ui/Amount";
import { EmptyState } from "../../ui/EmptyState";
import { Section } from "../../ui/Section";
import type { Column } from "../../ui/table/columns";
import { Rows } from "../../ui/table/Rows";
import { Time } from "../../ui/Time";

type RecentUse = Schema<"RecentUse">;

/** The last 50 uses, the newest first, with what remained after each. */
export function History({ uses, unit, place }: { uses: RecentUse[]; unit: string; place: Ref<HTMLDivElement> }) {
  const { t } = useTranslation("allocations");
  const to = useTo();
  const navigate = useNavigate();
  const columns = useColumns(unit);
  return (
    <div ref={place} tabIndex={-1} style={{ scrollMarginTop: 72, outline: "none" }}>
      <Section title={t("history")}>
        {uses.length === 0 ? (
          <EmptyState title={t("no_history")}>{t("no_history_hint")}</EmptyState>
        ) : (
          <Rows
            caption={t("history")}
            columns={columns}
            rows={uses}
            rowId={(row) => row.request_id}
            openOf={(row) => () => void navigate(to(`ledger/${row.request_id}`))}
            openLabel={(row) => t("open", { id: row.request_id })}
          />
        )}
      </Section>
    </div>
  );
}

function useColumns(unit: string): Column<RecentUse>[] {
  const { t } = useTranslation("allocations");
  return useMemo(
    () => [
      { id: "generator", header: t("generator"), card: "title", cell: (row) => row.generator },
      {
        id: "amount",
        header: t(unit === "tokens" ? "tokens_used" : "used"),
        align: "right",
        card: "title",
        cell: (row) => <Amount value={row.amount} resource={unit} />,
      },
      { id: "at", header: t("date"), card: "line", cell: (row) => <Time at={row.at} /> },
      {
        id: "remaining",
        header: t("remaining"),
        align: "right",
        card: "line",
        cell: (row) =>
          row.remaining === null ? (
            <span title={t("remaining_unknown")}>—</span>
          ) : (
            <Amount value={row.remaining} resource={unit} />
          ),
      },
    ],
    [t, unit],
  );
}
