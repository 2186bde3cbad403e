import { Button, Group, Select, SimpleGrid, Stack, Text, TextInput } from "@mantine/core";
import { useState, type SyntheticEvent } from "react";
import { useTranslation } from "react-i18next";
import { adminReads } from "../../api/adminReads";
import type { Schema } from "../../api/types";
import { useRead } from "../../api/useRead";
import { useFormat } from "../../format/useFormat";
import { useResourceName } from "../../ui/Amount";
import { Dialog } from "../../ui/Dialog";
import { EmptyState } from "../../ui/EmptyState";
import { WhyNot } from "../../ui/Failure";
import type { Column } from "../../ui/table/columns";
import { DataTable } from "../../ui/table/DataTable";
import { Time } from "../../ui/Time";
import { useToast } from "../../ui/useToast";
import { useAddRate } from "./writes";

type Rate = Schema<"FeatureRate">;

const BASES = ["token", "word", "character", "unit"] as const;
const DECIMAL = /^\d+(\.\d{1,6})?$/;

/** All versions of a feature's rates, and the form that adds one: a version is never changed. */
export function RatesModal({ feature, onClose }: { feature: Schema<"Feature">; onClose: () => void }) {
  const { t } = useTranslation("features");
  const nameOf = useResourceName();
  const rates = useRead(adminReads.featureRates(feature.key));
  const columns: Column<Rate>[] = [
    { id: "version", header: t("version"), card: "title", cell: (rate) => rate.version },
    { id: "rate", header: t("rate"), card: "title", cell: (rate) => rate.rate ?? t("ended") },
    { id: "base", header: t("base"), card: "line", cell: (rate) => t(`bases.${rate.base}`) },
    { id: "model", header: t("model"), card: "line", cell: (rate) => rate.model ?? t("any_model") },
    { id: "unit", header: t("unit"), card: "line", cell: (rate) => nameOf(rate.unit) },
    { id: "from", header: t("valid_from"), card: "line", cell: (rate) => <Time at={rate.valid_from} /> },
  ];
  return (
    <Dialog opened onClose={onClose} title={t("rates_of", { name: feature.name })} size="xl">
      <Stack>
        <DataTable
          caption={t("versions")}
          columns={columns}
          query={rates}
          rowId={(row) => `${row.model ?? ""} ${row.unit} ${row.version}`}
          empty={<EmptyState title={t("no_rates")}>{t("no_rates_hint")}</EmptyState>}
        />
        {feature.retired_at === null && <RateForm featureKey={feature.key} />}
      </Stack>
    </Dialog>
  );
}

function RateForm({ featureKey }: { featureKey: string }) {
  const { t } = useTranslation("features");
  const toast = useToast();
  const nameOf = useResourceName();
  const format = useFormat();
  const [form, setForm] = useState({ rate: "", base: "word" as Rate["base"], model: "", unit: "tokens" });
  const add = useAddRate(featureKey);
  // Half of the languages write "2,5".
  const written = form.rate.trim().replace(",", ".");
  const ends = written === "";
  const wrong = !ends && !DECIMAL.test(written);
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    const body = {
      rate: ends ? null : written,
      base: form.base,
      unit: form.unit,
      ...(form.model.trim() === "" ? {} : { model: form.model.trim() }),
    };
    add.mutate(body, { onSuccess: () => toast.done(t("added")) });
  };
  return (
    <form onSubmit={submit}>
      <Stack gap="sm">
        <Text fw={600}>{t("add")}</Text>
        <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="sm">
          <TextInput
            label={t("rate")}
            description={t("rate_hint")}
            placeholder={format.number(2.5)}
            inputMode="decimal"
            value={form.rate}
            error={wrong ? t("rate_wrong") : undefined}
            onChange={(event) => setForm({ ...form, rate: event.currentTarget.value })}
          />
          <Select
            label={t("base")}
            description={t("base_hint")}
            allowDeselect={false}
            data={BASES.map((base) => ({ value: base, label: t(`bases.${base}`) }))}
            value={form.base}
            onChange={(base) => setForm({ ...form, base: BASES.find((one) => one === base) ?? "word" })}
          />
          <TextInput
            label={t("model")}
            placeholder={t("any_model")}
            value={form.model}
            onChange={(event) => setForm({ ...form, model: event.currentTarget.value })}
          />
          <Select
            label={t("unit")}
            allowDeselect={false}
            data={["tokens", "credits"].map((value) => ({ value, label: nameOf(value) }))}
            value={form.unit}
            onChange={(unit) => setForm({ ...form, unit: unit ?? "tokens" })}
          />
        </SimpleGrid>
        <Text size="sm">{t(ends ? "add_ends" : "add_hint")}</Text>
        {add.error && <WhyNot error={add.error} />}
        <Group justify="flex-end">
          <Button type="submit" loading={add.isPending} disabled={wrong} color={ends ? "red" : undefined}>
            {t(ends ? "end" : "add")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
