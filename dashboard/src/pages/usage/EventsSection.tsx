import { Code } from "@mantine/core";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router";
import { fileOf, reads } from "../../api/reads";
import { useAccount, useScope, useTo } from "../../api/scope";
import type { Event } from "../../api/types";
import { useList } from "../../api/useRead";
import { Amount, useResourceName } from "../../ui/Amount";
import { WordBadge } from "../../ui/badges";
import { DownloadButton } from "../../ui/DownloadButton";
import { EmptyState } from "../../ui/EmptyState";
import { Section } from "../../ui/Section";
import { DataTable } from "../../ui/table/DataTable";
import type { Column } from "../../ui/table/columns";
import { Time } from "../../ui/Time";
import { usePages } from "../../ui/usePages";
import { EventFilters } from "./EventFilters";
import { eventsQuery } from "./filters";
import type { UsageFilters } from "./useUsageFilters";

const PAGE = 25;
const POOL_COLORS: Record<Event["pool"], string> = { allocated: "cyan", surplus: "orange", hybrid: "violet" };

/** Every use, its input and its output apart, with what the seed document names. */
export function EventsSection({ usage }: { usage: UsageFilters }) {
  const { t } = useTranslation("usage");
  const scope = useScope();
  const { unit } = useAccount();
  const to = useTo();
  const navigate = useNavigate();
  const { chosen, filters, moments } = usage;
  const query = eventsQuery(chosen, moments, unit);
  const pages = usePages(JSON.stringify(query));
  const events = useList(reads.events(scope, { ...query, total: "true", limit: PAGE, cursor: pages.cursor }));
  const columns = useColumns();
  return (
    <Section
      title={t("events_table")}
      actions={<DownloadButton href={fileOf(scope, "events", query)} label={t("csv")} />}
    >
      <EventFilters usage={usage} />
      <DataTable
        caption={t("events_table")}
        columns={columns}
        query={events}
        rowId={(row) => `${row.request_id} ${row.io_type ?? ""}`}
        pages={pages}
        sorting={{ sort: chosen.sort, onSort: (sort) => filters.set({ sort: sort === "-at" ? null : sort }) }}
        onOpen={(row) => void navigate(to(`ledger/${row.request_id}`))}
        openLabel={(row) => t("open", { id: row.request_id })}
        empty={
          <EmptyState title={t(filters.any ? "no_match" : "no_usage")}>
            {t(filters.any ? "no_match_hint" : "no_usage_hint")}
          </EmptyState>
        }
      />
    </Section>
  );
}

function useColumns(): Column<Event>[] {
  const { t } = useTranslation("usage");
  const nameOf = useResourceName();
  return useMemo(
    () => [
      { id: "at", header: t("created"), sort: "at", card: "title", cell: (row) => <Time at={row.at} /> },
      { id: "user_id", header: t("user_id"), sort: "user_id", card: "line", cell: (row) => row.user_id ?? t("nobody") },
      {
        id: "amount",
        header: t("amount"),
        sort: "amount",
        align: "right",
        card: "title",
        cell: (row) => <Amount value={row.amount ?? row.charge} resource={row.resource} named />,
      },
      {
        id: "resource",
        header: t("resource_type"),
        sort: "resource",
        card: "line",
        cell: (row) => nameOf(row.resource),
      },
      {
        id: "pool",
        header: t("pool_category"),
        sort: "pool",
        card: "line",
        cell: (row) => <WordBadge color={POOL_COLORS[row.pool]}>{t(`pool.${row.pool}`)}</WordBadge>,
      },
      {
        id: "io_type",
        header: t("io_type"),
        sort: "io_type",
        card: "line",
        cell: (row) => (row.io_type === undefined ? "" : t(`io.${row.io_type}`)),
      },
      {
        id: "request_id",
        header: t("request_id"),
        sort: "request_id",
        cell: (row) => <ShortId id={row.request_id} />,
      },
      { id: "endpoint", header: t("endpoint"), sort: "endpoint", cell: (row) => row.endpoint },
    ],
    [t, nameOf],
  );
}

/** Its begin, which is when it was, and its end, which tells it from others; all of it on hover. */
function ShortId({ id }: { id: string }) {
  return (
    <Code title={id} style={{ whiteSpace: "nowrap" }}>
      {id.slice(0, 8)}…{id.slice(-8)}
    </Code>
  );
}
