import { Stack } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { adminReads } from "../../api/adminReads";
import type { QueryOf } from "../../api/types";
import { useList } from "../../api/useRead";
import { EmptyState } from "../../ui/EmptyState";
import { Page } from "../../ui/Page";
import { DataTable } from "../../ui/table/DataTable";
import { useFilters, type Filters } from "../../ui/useFilters";
import { usePages } from "../../ui/usePages";
import { useTrailColumns } from "./columns";
import { TrailFilters } from "./Filters";

const NAMES = ["action", "object", "actor", "account_id", "from", "to"] as const;

/** Who changed what. */
export function Component() {
  const { t } = useTranslation("trail");
  const filters = useFilters(NAMES);
  const query = queryOf(filters);
  const pages = usePages(JSON.stringify(query));
  const lines = useList(
    adminReads.trail({ ...query, limit: 25, ...(pages.cursor === undefined ? {} : { cursor: pages.cursor }) }),
  );
  const columns = useTrailColumns();
  return (
    <Page title={t("nav.trail")} lead={t("lead")}>
      <Stack>
        <TrailFilters filters={filters} />
        <DataTable
          caption={t("nav.trail")}
          columns={columns}
          query={lines}
          rowId={(row) => row.id}
          pages={pages}
          empty={
            <EmptyState title={t(filters.any ? "none_found" : "empty")}>
              {t(filters.any ? "none_found_hint" : "empty_hint")}
            </EmptyState>
          }
        />
      </Stack>
    </Page>
  );
}

function queryOf({ one }: Filters): QueryOf<"adminListTrail"> {
  return Object.fromEntries(NAMES.map((name) => [name, one(name) ?? undefined]));
}
