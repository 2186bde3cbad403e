import { Button, Group, Modal, NumberInput, SimpleGrid, Stack, Text, TextInput } from "@mantine/core";
import { DateTimePicker } from "@mantine/dates";
import "@mantine/dates/styles.css";
import { useState, type SyntheticEvent } from "react";
import { useTranslation } from "react-i18next";
import { WhyNot } from "../../ui/ConfirmModal";
import { useToast } from "../../ui/useToast";
import { NEW_PRICE, newPriceOf, PRICES } from "./form";
import { useAddPrice } from "./writes";

/** A new row of the price table: rows before it stay, for what was charged by them. */
export function AddPrice({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation("prices");
  const toast = useToast();
  const [form, setForm] = useState(NEW_PRICE);
  const add = useAddPrice();
  const { price, wrong } = newPriceOf(form);
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    add.mutate(price, {
      onSuccess: () => {
        toast.done(t("added"));
        onClose();
      },
    });
  };
  return (
    <Modal
      opened
      onClose={onClose}
      title={t("add")}
      size="lg"
      centered
      closeButtonProps={{ "aria-label": t("modal.close") }}
    >
      <form onSubmit={submit}>
        <Stack>
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
          {add.error && <WhyNot error={add.error} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {t("modal.cancel")}
            </Button>
            <Button type="submit" loading={add.isPending} disabled={wrong.length > 0}>
              {t("add")}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
