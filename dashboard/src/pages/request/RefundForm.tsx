import { NumberInput, TextInput } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { kindOf } from "../../format/amounts";
import { useFormat } from "../../format/useFormat";
import { FormModal } from "../../ui/FormModal";
import { amountOf } from "./refund";

const REASON_MAX = 500;

export interface Asked {
  written: number | string;
  reason: string;
}

interface Props {
  left: number;
  resource: string;
  asked: Asked;
  onChange: (asked: Asked) => void;
  /** With the amount that was asked for, once all is right. */
  onSubmit: (amount: number) => void;
  onClose: () => void;
  happens: (amount: number) => ReactNode;
}

/** How much, and why; it says meanwhile what that will do. */
export function RefundForm({ left, resource, asked, onChange, onSubmit, onClose, happens }: Props) {
  const { t } = useTranslation("request");
  const format = useFormat();
  const money = kindOf(resource) === "money";
  const amount = amountOf(asked.written, resource, left);
  const most = format.amount(left, resource);
  const submit = () => {
    if (amount !== null) onSubmit(amount);
  };
  return (
    <FormModal
      title={t("refund.title")}
      onClose={onClose}
      submit={t("refund.next")}
      onSubmit={submit}
      disabled={amount === null || asked.reason.trim() === ""}
    >
      <NumberInput
        label={t("refund.amount")}
        description={t("refund.amount_hint", { amount: most })}
        error={amount === null && t("refund.amount_wrong", { amount: most })}
        prefix={money ? "$" : undefined}
        thousandSeparator=","
        decimalScale={money ? 6 : 0}
        min={0}
        value={asked.written}
        onChange={(written) => onChange({ ...asked, written })}
        data-autofocus
      />
      <TextInput
        label={t("reason")}
        description={t("refund.reason_hint")}
        required
        maxLength={REASON_MAX}
        value={asked.reason}
        onChange={(event) => onChange({ ...asked, reason: event.currentTarget.value })}
      />
      {amount !== null && happens(amount)}
    </FormModal>
  );
}
