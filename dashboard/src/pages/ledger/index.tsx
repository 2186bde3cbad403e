import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router";
import { usePacksById } from "../../api/packNames";
import { fileOf, reads } from "../../api/reads";
import { useAccount, useScope, useTo } from "../../api/scope";
import { useList } from "../../api/useRead";
import { useFormat } from "../../format/useFormat";
import { DownloadButton } from "../../ui/DownloadButton";
import { EmptyState } from "../../ui/EmptyState";
import { Page } from "../../ui/Page";
import { DataTable } from "../../ui/table/DataTable";
import { useFilters } from "../../ui/useFilters";
import { usePages } from "../../ui/usePages";
import { entryColumns } from "./columns";
import { LedgerFilters } from "./LedgerFilters";
import { FILTERS, queryOf, sizeOf, sortOf } from "./query";

/** Every entry of the account's ledger, with the request behind it a click away. */
export function Component() {
  const { t } = useTranslation("ledger");
  const scope = useScope();
  const { unit } = useAccount();
  const format = useFormat();
  const navigate = useNavigate();
  const to = useTo();
  const filters = useFilters(FILTERS);
  const packs = usePacksById();
  const query = queryOf(filters);
  const limit = sizeOf(filters);
  const pages = usePages(JSON.stringify({ query, limit }));
  const entries = useList(reads.ledger(scope, { ...query, limit, cursor: pages.cursor, total: "true" }));
  const columns = useMemo(() => entryColumns(t, packs, unit), [t, packs, unit]);
  const none = entries.data?.data.length === 0 && !pages.hasPrevious;

  return (
    <Page
      title={t("title")}
      lead={t("lead")}
      actions={<DownloadButton href={fileOf(scope, "ledger", query)} label={t("download")} empty={none} />}
    >
      <LedgerFilters filters={filters} />
      <DataTable
        caption={t("title")}
        columns={columns}
        query={entries}
        rowId={(entry) => entry.id}
        pages={pages}
        sorting={{ sort: sortOf(filters), onSort: (sort) => filters.set({ sort }) }}
        onOpen={(entry) => void navigate(to(`ledger/${entry.request_id ?? ""}`))}
        opens={(entry) => entry.request_id !== null}
        openLabel={(entry) => t("open", { time: format.time(entry.at) })}
        empty={
          filters.any ? (
            <EmptyState title={t("nothing_found")}>{t("nothing_found_hint")}</EmptyState>
          ) : (
            <EmptyState title={t("empty")}>{t("empty_hint")}</EmptyState>
          )
        }
      />
    </Page>
  );
}
