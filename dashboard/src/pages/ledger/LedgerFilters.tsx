import { Select } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { packName, usePacksById } from "../../api/packNames";
import { useAccount } from "../../api/scope";
import { useSession } from "../../app/session";
import { AmountFilter, ChoiceFilter, MomentFilter, TextFilter } from "../../ui/filters/fields";
import { FilterBar } from "../../ui/filters/FilterBar";
import type { Filters } from "../../ui/useFilters";
import { SIZES, sizeOf, TYPES } from "./query";

export function LedgerFilters({ filters }: { filters: Filters }) {
  const { t } = useTranslation("ledger");
  const { unit } = useAccount();
  const { role } = useSession();
  const packs = [...usePacksById().values()];
  const one = (name: string, label: string) => ({ filters, name, label });
  return (
    <FilterBar filters={filters}>
      <ChoiceFilter
        {...one("type", t("type_column"))}
        data={TYPES.map((type) => ({ value: type, label: t(`type.${type}`) }))}
      />
      <MomentFilter {...one("from", t("filter.from"))} />
      <MomentFilter {...one("to", t("filter.to"))} />
      <ChoiceFilter
        {...one("pack_id", t("pack"))}
        data={packs.map((pack) => ({ value: pack.id, label: packName(pack.id, pack) }))}
      />
      {role !== "member" && <TextFilter {...one("user_id", t("filter.user"))} />}
      <TextFilter {...one("model", t("model"))} />
      <TextFilter {...one("feature", t("filter.feature"))} />
      <TextFilter {...one("session_id", t("filter.session"))} />
      <TextFilter {...one("request_id", t("filter.request"))} />
      <AmountFilter {...one("min_amount", t("filter.min"))} resource={unit} />
      <AmountFilter {...one("max_amount", t("filter.max"))} resource={unit} />
      <Select
        size="xs"
        label={t("filter.rows")}
        data={[...SIZES]}
        value={String(sizeOf(filters))}
        allowDeselect={false}
        onChange={(rows) => filters.set({ rows })}
      />
    </FilterBar>
  );
}
