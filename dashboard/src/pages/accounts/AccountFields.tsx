import { Checkbox, Fieldset, NumberInput, Select, SimpleGrid, Stack, TextInput } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { kindOf } from "../../format/amounts";
import { wrongOf, type AccountForm } from "./form";

interface Props {
  form: AccountForm;
  onChange: (form: AccountForm) => void;
  /** Its unit is chosen once, when it is made; suspended it can be later only. */
  isNew: boolean;
}

const COLUMNS = { base: 1, xs: 2 };

export function AccountFields({ form, onChange, isNew }: Props) {
  const { t } = useTranslation("accounts");
  const text = (field: "name" | "email" | "plan" | "domain") => (
    <TextInput
      label={t(`field.${field}`)}
      required={field === "name"}
      type={field === "email" ? "email" : "text"}
      value={form[field]}
      onChange={(event) => onChange({ ...form, [field]: event.currentTarget.value })}
    />
  );
  return (
    <Stack>
      <SimpleGrid cols={COLUMNS} spacing="sm">
        {text("name")}
        {text("email")}
        {text("plan")}
        {text("domain")}
        <Select
          label={t("field.unit")}
          description={isNew ? t("unit_hint") : undefined}
          disabled={!isNew}
          allowDeselect={false}
          data={(["tokens", "credits"] as const).map((unit) => ({ value: unit, label: t(`unit.${unit}`) }))}
          value={form.unit}
          onChange={(unit) => onChange({ ...form, unit: unit === "credits" ? "credits" : "tokens" })}
        />
        <Select
          label={t("field.time_zone")}
          description={isNew ? t("time_zone_hint") : undefined}
          searchable
          allowDeselect={false}
          data={timeZones(form.timeZone)}
          value={form.timeZone}
          onChange={(zone) => onChange({ ...form, timeZone: zone ?? "UTC" })}
        />
        {!isNew && (
          <Select
            label={t("field.status")}
            allowDeselect={false}
            data={(["active", "suspended"] as const).map((status) => ({
              value: status,
              label: t(`account.${status}`),
            }))}
            value={form.status}
            onChange={(status) => onChange({ ...form, status: status === "suspended" ? "suspended" : "active" })}
          />
        )}
      </SimpleGrid>
      <MeterFields form={form} onChange={onChange} />
    </Stack>
  );
}

/** What the configuration decides where nothing is chosen. */
function MeterFields({ form, onChange }: Pick<Props, "form" | "onChange">) {
  const { t } = useTranslation("accounts");
  const money = kindOf(form.unit) === "money";
  const wrong = wrongOf(form);
  const choices = (field: string, values: readonly string[]) => [
    { value: "", label: t("by_configuration") },
    ...values.map((value) => ({ value, label: t(`${field}.${value}`) })),
  ];
  const amount = (field: "minReserve" | "warningThreshold") => (
    <NumberInput
      label={t(`field.${field}`)}
      placeholder={t("by_configuration")}
      prefix={money ? "$" : undefined}
      decimalScale={money ? 6 : 0}
      allowNegative={false}
      thousandSeparator
      hideControls
      value={form[field]}
      onValueChange={({ value }) => onChange({ ...form, [field]: value })}
      error={wrong.includes(field) ? t("amount_wrong") : undefined}
    />
  );
  const choice = <Field extends "floor" | "clamp" | "orphan">(field: Field, values: readonly AccountForm[Field][]) => (
    <Select
      label={t(`field.${field}`)}
      allowDeselect={false}
      data={choices(field, values)}
      value={form[field]}
      onChange={(value) => onChange({ ...form, [field]: value ?? "" })}
    />
  );
  return (
    <Fieldset legend={t("meter")}>
      <SimpleGrid cols={COLUMNS} spacing="sm">
        {amount("minReserve")}
        {amount("warningThreshold")}
        {choice("floor", ["cross", "keep"])}
        {choice("clamp", ["unset", "never", "always"])}
        {choice("orphan", ["bounded", "upper_bound", "checkpoint"])}
        <Checkbox
          label={t("field.replay")}
          description={t("replay_hint")}
          checked={form.replay}
          onChange={(event) => onChange({ ...form, replay: event.currentTarget.checked })}
        />
      </SimpleGrid>
    </Fieldset>
  );
}

/** The zones that the browser knows, with the account's own, which it may call otherwise. */
function timeZones(own: string): string[] {
  return [...new Set(["UTC", own, ...Intl.supportedValuesOf("timeZone")])];
}
