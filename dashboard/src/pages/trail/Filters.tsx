import { Button, Group, Select, TextInput } from "@mantine/core";
import { DateInput } from "@mantine/dates";
import "@mantine/dates/styles.css";
import { useDebouncedCallback } from "@mantine/hooks";
import { useState } from "react";
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
  // What is written stays in its field until it is cleared: only then the fields are others, and empty.
  const [cleared, setCleared] = useState(0);
  const clear = () => {
    setCleared(cleared + 1);
    filters.clear();
  };
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
  const text = (name: string) => <TextFilter key={`${name} ${cleared}`} name={name} filters={filters} />;
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
        <Button variant="subtle" onClick={clear}>
          {t("clear_all")}
        </Button>
      )}
    </Group>
  );
}

/** Each has a pause of its own: writing into one of them must not forget what was just written into another. */
function TextFilter({ name, filters }: { name: string; filters: Filters }) {
  const { t } = useTranslation("trail");
  const set = useDebouncedCallback((text: string) => filters.set({ [name]: text.trim() }), PAUSE_MS);
  return (
    <TextInput
      label={t(name === "account_id" ? "account" : name)}
      placeholder={t(`${name}_hint`)}
      defaultValue={filters.one(name) ?? ""}
      onChange={(event) => set(event.currentTarget.value)}
      flex="1 1 180px"
    />
  );
}
