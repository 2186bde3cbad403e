import { Stack } from "@mantine/core";
import dayjs from "dayjs";
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

/** The filters as the API takes them: days of the viewer's calendar, the last one whole. */
function queryOf(filters: Filters): QueryOf<"adminListTrail"> {
  const query: QueryOf<"adminListTrail"> = {};
  for (const name of ["action", "object", "actor", "account_id"] as const) {
    const value = filters.one(name);
    if (value !== null) query[name] = value;
  }
  const from = filters.one("from");
  const to = filters.one("to");
  if (from !== null) query.from = dayjs(from).toISOString();
  if (to !== null) query.to = dayjs(to).add(1, "day").toISOString();
  return query;
}
