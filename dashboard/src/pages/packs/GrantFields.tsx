import { Autocomplete, NumberInput, Select, SimpleGrid, Switch, TagsInput, TextInput } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { adminReads } from "../../api/adminReads";
import { reads } from "../../api/reads";
import { useAccount, useScope } from "../../api/scope";
import { useRead } from "../../api/useRead";
import { useResourceName } from "../../ui/Amount";

/** What was filled in so far. */
export interface Granting {
  size: number | string;
  unlimited: boolean;
  resource: string;
  note: string;
  expires: string;
  member: string;
  models: string[];
  priority: number;
}

interface Props {
  accountId: string;
  asked: Granting;
  onChange: (asked: Granting) => void;
}

const MEMBERS_OFFERED = 1_000;

export function GrantFields({ accountId, asked, onChange }: Props) {
  const { t } = useTranslation("packs");
  const { unit } = useAccount();
  const nameOf = useResourceName();
  const resources = useRead(adminReads.resources(accountId));
  const members = useRead(reads.members(useScope(), { limit: MEMBERS_OFFERED }));
  const set = (changes: Partial<Granting>) => onChange({ ...asked, ...changes });
  const money = asked.resource === "credits";
  return (
    <>
      <SimpleGrid cols={{ base: 1, xs: 2 }}>
        <NumberInput
          label={t("field.size")}
          description={t(money ? "field.size_money" : "field.size_hint")}
          prefix={money ? "$" : undefined}
          thousandSeparator=","
          decimalScale={money ? 6 : 0}
          min={0}
          required={!asked.unlimited}
          disabled={asked.unlimited}
          value={asked.size}
          onChange={(size) => set({ size })}
          data-autofocus
        />
        <Select
          label={t("field.resource")}
          description={t("field.resource_hint")}
          data={[...new Set([unit, ...(resources.data?.data ?? []).map((one) => one.resource)])].map((value) => ({
            value,
            label: nameOf(value),
          }))}
          value={asked.resource}
          allowDeselect={false}
          onChange={(resource) => set({ resource: resource ?? unit, size: "" })}
        />
      </SimpleGrid>
      <Switch
        label={t("field.unlimited")}
        checked={asked.unlimited}
        onChange={(event) => set({ unlimited: event.currentTarget.checked })}
      />
      <TextInput label={t("note")} value={asked.note} onChange={(event) => set({ note: event.currentTarget.value })} />
      <SimpleGrid cols={{ base: 1, xs: 2 }}>
        <TextInput
          type="datetime-local"
          label={t("expires")}
          description={t("field.expires_hint")}
          value={asked.expires}
          onChange={(event) => set({ expires: event.currentTarget.value })}
        />
        <NumberInput
          label={t("field.priority")}
          description={t("field.priority_hint")}
          min={0}
          allowDecimal={false}
          value={asked.priority}
          onChange={(priority) => set({ priority: Number(priority) })}
        />
        <Autocomplete
          label={t("field.member")}
          description={t("field.member_hint")}
          data={(members.data?.data ?? []).map((member) => member.user_id)}
          value={asked.member}
          onChange={(member) => set({ member })}
        />
        <TagsInput
          label={t("models")}
          description={t("field.models_hint")}
          value={asked.models}
          onChange={(models) => set({ models })}
        />
      </SimpleGrid>
    </>
  );
}
