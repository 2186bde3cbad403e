import { Alert, Checkbox, NumberInput, Stack, TagsInput, Text, TextInput } from "@mantine/core";
import { DateTimePicker } from "@mantine/dates";
import "@mantine/dates/styles.css";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { reads } from "../../api/reads";
import { useAccount, useScope } from "../../api/scope";
import type { Schema } from "../../api/types";
import { useRead } from "../../api/useRead";
import { kindOf } from "../../format/amounts";
import { useFormat } from "../../format/useFormat";
import { FormModal } from "../../ui/FormModal";
import { useDone } from "../../ui/useToast";
import { momentOf } from "../keys/form";
import { microOf, wholeOf } from "../keys/limits";
import { useGrant } from "./writes";

interface Props {
  accountId: string;
  subject: Schema<"Member">;
  onClose: () => void;
}

/** Grants a pack that only this member may use, and says beforehand what that does to the balance and the surplus. */
export function Allocate({ accountId, subject, onClose }: Props) {
  const { t } = useTranslation("members");
  const { unit } = useAccount();
  const done = useDone(onClose);
  const [form, setForm] = useState({
    size: "",
    unlimited: false,
    models: [] as string[],
    expiresAt: null as string | null,
    note: "",
  });
  const grant = useGrant(accountId);
  const money = kindOf(unit) === "money";
  const size = money ? microOf(form.size) : wholeOf(form.size);
  const name = subject.name === "" ? subject.user_id : subject.name;
  const submit = () => {
    if (!form.unlimited && size === null) return;
    const pack: Schema<"NewPack"> = {
      user_id: subject.user_id,
      note: form.note.trim(),
      ...(form.unlimited ? { unlimited: true } : { size }),
      ...(form.models.length === 0 ? {} : { models: form.models }),
      ...(form.expiresAt === null ? {} : { expires_at: momentOf(form.expiresAt) }),
    };
    grant.mutate(pack, done(t("allocated", { name })));
  };
  return (
    <FormModal
      title={t("allocate_to", { name })}
      onClose={onClose}
      submit={t("allocate")}
      onSubmit={submit}
      pending={grant.isPending}
      disabled={!form.unlimited && size === null}
      error={grant.error}
    >
      <NumberInput
        label={t("size")}
        required={!form.unlimited}
        disabled={form.unlimited}
        prefix={money ? "$" : undefined}
        decimalScale={money ? 6 : 0}
        allowNegative={false}
        thousandSeparator
        hideControls
        value={form.size}
        onValueChange={({ value }) => setForm({ ...form, size: value })}
        data-autofocus
      />
      <Checkbox
        label={t("amount.unlimited")}
        checked={form.unlimited}
        onChange={(event) => setForm({ ...form, unlimited: event.currentTarget.checked })}
      />
      <DateTimePicker
        label={t("expires")}
        placeholder={t("amount.no_expiration")}
        clearable
        minDate={new Date()}
        value={form.expiresAt}
        onChange={(expiresAt) => setForm({ ...form, expiresAt })}
        clearButtonProps={{ "aria-label": t("clear") }}
      />
      <TagsInput
        label={t("models")}
        description={t("models_hint")}
        value={form.models}
        onChange={(models) => setForm({ ...form, models })}
      />
      <TextInput
        label={t("note")}
        value={form.note}
        onChange={(event) => setForm({ ...form, note: event.currentTarget.value })}
      />
      <Consequence size={form.unlimited ? null : size} unlimited={form.unlimited} name={name} />
    </FormModal>
  );
}

function Consequence({ size, unlimited, name }: { size: number | null; unlimited: boolean; name: string }) {
  const { t } = useTranslation("members");
  const format = useFormat();
  const { unit } = useAccount();
  const balance = useRead(reads.balance(useScope()));
  const now = balance.data;
  return (
    <Alert color="gray" role="status">
      <Stack gap={4}>
        <Text size="sm">{t("surplus_stays", { name })}</Text>
        {unlimited && <Text size="sm">{t("balance_unlimited", { name })}</Text>}
        {size !== null && now && (
          <Text size="sm">
            {t("balance_after", {
              before: format.amount(now.balance, unit),
              after: format.amount(now.balance + size, unit),
            })}
          </Text>
        )}
        {now !== undefined && now.debt > 0 && (
          <Text size="sm">{t("debt_first", { debt: format.amount(now.debt, unit) })}</Text>
        )}
      </Stack>
    </Alert>
  );
}
