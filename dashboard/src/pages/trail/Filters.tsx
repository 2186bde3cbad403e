import { useTranslation } from "react-i18next";
import { ChoiceFilter, MomentFilter, TextFilter } from "../../ui/filters/fields";
import { FilterBar } from "../../ui/filters/FilterBar";
import type { Filters } from "../../ui/useFilters";

const ACTIONS = [
  "sign_in",
  "sign_out",
  "create",
  "change",
  "deactivate",
  "rotate",
  "revoke",
  "grant",
  "expire",
  "refund",
  "delete",
  "retire",
];
const OBJECTS = [
  "account",
  "member",
  "key",
  "pack",
  "recurring",
  "resource",
  "feature",
  "rate",
  "price",
  "event",
  "session",
];

/** Who, what, to what, where and when; kept in the address. */
export function TrailFilters({ filters }: { filters: Filters }) {
  const { t } = useTranslation("trail");
  const choices = (group: string, values: string[]) =>
    values.map((value) => ({ value, label: t(`${group}.${value}`) }));
  return (
    <FilterBar filters={filters}>
      <ChoiceFilter filters={filters} name="action" label={t("action")} data={choices("actions", ACTIONS)} />
      <ChoiceFilter filters={filters} name="object" label={t("object")} data={choices("objects", OBJECTS)} />
      <TextFilter filters={filters} name="actor" label={t("actor")} placeholder={t("actor_hint")} />
      <TextFilter filters={filters} name="account_id" label={t("account")} placeholder={t("account_id_hint")} />
      <MomentFilter filters={filters} name="from" label={t("from")} />
      <MomentFilter filters={filters} name="to" label={t("to")} />
    </FilterBar>
  );
}
