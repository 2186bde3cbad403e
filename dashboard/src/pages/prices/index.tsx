import { Button, Checkbox, Group, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { IconPlus, IconSearch } from "@tabler/icons-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { adminReads } from "../../api/adminReads";
import type { QueryOf } from "../../api/types";
import { useList } from "../../api/useRead";
import { EmptyState } from "../../ui/EmptyState";
import { Page } from "../../ui/Page";
import { DataTable } from "../../ui/table/DataTable";
import { useFilters } from "../../ui/useFilters";
import { usePages } from "../../ui/usePages";
import { AddPrice } from "./AddPrice";
import { usePriceColumns } from "./columns";
import { UpdatePricing } from "./UpdatePricing";

const FILTERS = ["model", "all"] as const;
const PAUSE_MS = 400; // Between two keys of somebody who types.

export function Component() {
  const { t } = useTranslation("prices");
  const filters = useFilters(FILTERS);
  const model = filters.one("model");
  const all = filters.one("all") !== null;
  const query: QueryOf<"adminListPrices"> = {
    ...(model === null ? {} : { model }),
    ...(all ? {} : { current: "true" }),
  };
  const pages = usePages(JSON.stringify(query));
  const prices = useList(
    adminReads.prices({ ...query, limit: 25, ...(pages.cursor === undefined ? {} : { cursor: pages.cursor }) }),
  );
  const columns = usePriceColumns();
  const [adding, setAdding] = useState(false);
  const look = useDebouncedCallback((text: string) => filters.set({ model: text.trim() }), PAUSE_MS);
  return (
    <Page
      title={t("nav.prices")}
      lead={t("lead")}
      actions={
        <>
          <UpdatePricing />
          <Button leftSection={<IconPlus size={18} aria-hidden />} onClick={() => setAdding(true)}>
            {t("add")}
          </Button>
        </>
      }
    >
      <Group gap="md">
        <TextInput
          type="search"
          aria-label={t("model")}
          placeholder={t("model_hint")}
          leftSection={<IconSearch size={16} aria-hidden />}
          defaultValue={model ?? ""}
          onChange={(event) => look(event.currentTarget.value)}
          flex="0 1 320px"
        />
        <Checkbox
          label={t("all")}
          checked={all}
          onChange={(event) => filters.set({ all: event.currentTarget.checked ? "1" : null })}
        />
      </Group>
      <DataTable
        caption={t("nav.prices")}
        columns={columns}
        query={prices}
        rowId={(row) => row.id}
        pages={pages}
        empty={
          <EmptyState title={t(model === null ? "empty" : "none_found")}>
            {t(model === null ? "empty_hint" : "none_found_hint")}
          </EmptyState>
        }
      />
      {adding && <AddPrice onClose={() => setAdding(false)} />}
    </Page>
  );
}
