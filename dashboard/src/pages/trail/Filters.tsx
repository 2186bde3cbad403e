import { Button, Group, Select, TextInput } from "@mantine/core";
import { DateInput } from "@mantine/dates";
import "@mantine/dates/styles.css";
import { useDebouncedCallback } from "@mantine/hooks";
import { useTranslation } from "react-i18next";
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
const PAUSE_MS = 400; // Between two keys of somebody who types.

/** Who, what, to what, where and when; kept in the address. */
export function TrailFilters({ filters }: { filters: Filters }) {
  const { t } = useTranslation("trail");
  const set = useDebouncedCallback((name: string, text: string) => filters.set({ [name]: text.trim() }), PAUSE_MS);
  const choice = (name: string, group: string, values: string[]) => (
    <Select
      label={t(name)}
      placeholder={t("any")}
      clearable
      clearButtonProps={{ "aria-label": t("clear") }}
      data={values.map((value) => ({ value, label: t(`${group}.${value}`) }))}
      value={filters.one(name)}
      onChange={(value) => filters.set({ [name]: value })}
      flex="1 1 150px"
    />
  );
  const text = (name: string) => (
    <TextInput
      key={filters.any ? name : `${name} cleared`}
      label={t(name === "account_id" ? "account" : name)}
      placeholder={t(`${name}_hint`)}
      defaultValue={filters.one(name) ?? ""}
      onChange={(event) => set(name, event.currentTarget.value)}
      flex="1 1 180px"
    />
  );
  const day = (name: string) => (
    <DateInput
      label={t(name)}
      placeholder={t("any")}
      clearable
      clearButtonProps={{ "aria-label": t("clear") }}
      value={filters.one(name)}
      onChange={(value) => filters.set({ [name]: value })}
      flex="1 1 140px"
    />
  );
  return (
    <Group align="flex-end" gap="sm">
      {choice("action", "actions", ACTIONS)}
      {choice("object", "objects", OBJECTS)}
      {text("actor")}
      {text("account_id")}
      {day("from")}
      {day("to")}
      {filters.any && (
        <Button variant="subtle" onClick={filters.clear}>
          {t("clear_all")}
        </Button>
      )}
    </Group>
  );
}
