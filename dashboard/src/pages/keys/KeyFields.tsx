import { Autocomplete, Select, SimpleGrid, TagsInput, TextInput } from "@mantine/core";
import { DateTimePicker } from "@mantine/dates";
import "@mantine/dates/styles.css";
import { useTranslation } from "react-i18next";
import { reads } from "../../api/reads";
import { useScope } from "../../api/scope";
import { useRead } from "../../api/useRead";
import type { KeyForm } from "./form";

interface Props {
  form: KeyForm;
  onChange: (form: KeyForm) => void;
  /** Whose key it is can be said once only, when it is made. */
  isNew: boolean;
}

const MEMBERS = { limit: 1000 };

export function KeyFields({ form, onChange, isNew }: Props) {
  const { t } = useTranslation("keys");
  const members = useRead(reads.members(useScope(), MEMBERS));
  const people = members.data?.data ?? [];
  const hasRow = people.some((member) => member.user_id === form.userId);
  return (
    <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="sm">
      <TextInput
        label={t("name")}
        placeholder={t("name_placeholder")}
        value={form.name}
        onChange={(event) => onChange({ ...form, name: event.currentTarget.value })}
        data-autofocus
      />
      {isNew && (
        <Autocomplete
          label={t("user_id")}
          placeholder={t("user_id_placeholder")}
          description={t("user_id_hint")}
          data={people.filter((member) => member.status === "active").map((member) => member.user_id)}
          value={form.userId}
          maxLength={128}
          onChange={(userId) =>
            onChange({ ...form, userId, role: people.some((one) => one.user_id === userId) ? "member" : form.role })
          }
        />
      )}
      <Select
        label={t("role_label")}
        description={hasRow ? t("role_of_member") : undefined}
        disabled={hasRow}
        allowDeselect={false}
        data={[
          { value: "member", label: t("role.member") },
          { value: "admin", label: t("role.account_admin") },
        ]}
        value={form.role}
        onChange={(role) => onChange({ ...form, role: role === "admin" ? "admin" : "member" })}
      />
      <DateTimePicker
        label={t("expires")}
        placeholder={t("amount.no_expiration")}
        clearable
        minDate={new Date()}
        value={form.expiresAt}
        onChange={(expiresAt) => onChange({ ...form, expiresAt })}
        popoverProps={{ withinPortal: true }}
        clearButtonProps={{ "aria-label": t("clear") }}
      />
      <TagsInput
        label={t("models")}
        description={t("models_hint")}
        placeholder={form.models.length === 0 ? t("any") : undefined}
        value={form.models}
        onChange={(models) => onChange({ ...form, models })}
      />
      <TagsInput
        label={t("addresses")}
        description={t("addresses_hint")}
        placeholder={form.ipRanges.length === 0 ? t("anywhere") : undefined}
        value={form.ipRanges}
        onChange={(ipRanges) => onChange({ ...form, ipRanges })}
      />
      <TextInput
        label={t("feature")}
        description={t("feature_hint")}
        value={form.feature}
        onChange={(event) => onChange({ ...form, feature: event.currentTarget.value })}
      />
    </SimpleGrid>
  );
}
