import { NumberInput, SimpleGrid, Text, TextInput } from "@mantine/core";
import { DateTimePicker } from "@mantine/dates";
import "@mantine/dates/styles.css";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { FormModal } from "../../ui/FormModal";
import { useDone } from "../../ui/useToast";
import { NEW_PRICE, newPriceOf, PRICES } from "./form";
import { useAddPrice } from "./writes";

/** A new row of the price table: rows before it stay, for what was charged by them. */
export function AddPrice({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation("prices");
  const done = useDone(onClose);
  const [form, setForm] = useState(NEW_PRICE);
  const add = useAddPrice();
  const { price, wrong } = newPriceOf(form);
  const submit = () => add.mutate(price, done(t("added")));
  return (
    <FormModal
      title={t("add")}
      size="lg"
      onClose={onClose}
      submit={t("add")}
      onSubmit={submit}
      pending={add.isPending}
      disabled={wrong.length > 0}
      error={add.error}
    >
      <Text size="sm">{t("add_hint")}</Text>
      <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="sm">
        <TextInput
          label={t("model")}
          required
          value={form.model}
          onChange={(event) => setForm({ ...form, model: event.currentTarget.value })}
        />
        <DateTimePicker
          label={t("valid_from")}
          placeholder={t("now")}
          clearable
          clearButtonProps={{ "aria-label": t("clear") }}
          value={form.validFrom}
          onChange={(validFrom) => setForm({ ...form, validFrom })}
        />
        {PRICES.map((name) => (
          <NumberInput
            key={name}
            label={t(`price.${name}`)}
            required={name === "input" || name === "completion"}
            prefix="$"
            decimalScale={6}
            allowNegative={false}
            hideControls
            value={form.texts[name]}
            onValueChange={({ value }) => setForm({ ...form, texts: { ...form.texts, [name]: value } })}
            error={wrong.includes(name) ? t("wrong") : undefined}
          />
        ))}
        <TextInput
          label={t("tier")}
          placeholder={t("tier_any")}
          value={form.tier}
          onChange={(event) => setForm({ ...form, tier: event.currentTarget.value })}
        />
        <NumberInput
          label={t("above")}
          allowNegative={false}
          allowDecimal={false}
          thousandSeparator
          hideControls
          value={form.above}
          onValueChange={({ value }) => setForm({ ...form, above: value })}
        />
      </SimpleGrid>
    </FormModal>
  );
}
