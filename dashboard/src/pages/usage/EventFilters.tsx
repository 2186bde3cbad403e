import { Button, SimpleGrid } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useResourceName } from "../../ui/Amount";
import { AmountFilter, ChoiceFilter } from "../../ui/filters/fields";
import { IO_TYPES, POOLS } from "./filters";
import type { UsageFilters } from "./useUsageFilters";

/** What narrows the table alone: pool, input or output, and amounts. */
export function EventFilters({ usage: { filters, resource } }: { usage: UsageFilters }) {
  const { t } = useTranslation("usage");
  const nameOf = useResourceName();
  const of = { resource: nameOf(resource) };
  return (
    <SimpleGrid cols={{ base: 1, xs: 2, lg: 5 }} spacing="sm" mb="md">
      <ChoiceFilter
        filters={filters}
        name="pool"
        label={t("pool_category")}
        placeholder={t("all")}
        data={POOLS.map((pool) => ({ value: pool, label: t(`pool.${pool}`) }))}
      />
      <ChoiceFilter
        filters={filters}
        name="io_type"
        label={t("io_type")}
        placeholder={t("all")}
        data={IO_TYPES.map((io) => ({ value: io, label: t(`io.${io}`) }))}
      />
      <AmountFilter filters={filters} name="min_amount" label={t("min_amount", of)} resource={resource} />
      <AmountFilter filters={filters} name="max_amount" label={t("max_amount", of)} resource={resource} />
      <Button size="xs" variant="default" onClick={filters.clear} disabled={!filters.any} style={{ alignSelf: "end" }}>
        {t("clear")}
      </Button>
    </SimpleGrid>
  );
}
