import { Text } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { reads } from "../../api/reads";
import { useScope } from "../../api/scope";
import type { Event } from "../../api/types";
import { useRead } from "../../api/useRead";
import { kindOf } from "../../format/amounts";
import { useFormat } from "../../format/useFormat";
import { useResourceName } from "../../ui/Amount";
import { ConfirmModal } from "../../ui/ConfirmModal";
import { useFocusBack } from "../../ui/useFocusBack";
import { useToast } from "../../ui/useToast";
import { ofRefund } from "../packs/consequences";
import { WhatHappens } from "../packs/WhatHappens";
import { leftOf, refundOf } from "./refund";
import { RefundForm, type Asked } from "./RefundForm";
import type { Trace } from "./trace";
import { useRefund } from "./writes";

interface Props {
  trace: Trace;
  event: Event;
  onClose: () => void;
}

/** Give back a part of what a request was charged, or all: a form, then the question whether it is meant. */
export function RefundModal({ trace, event, onClose }: Props) {
  const { t } = useTranslation("request");
  useFocusBack(); // After both dialogs.
  const format = useFormat();
  const toast = useToast();
  const refund = useRefund(event.request_id);
  const balance = useRead(reads.balance(useScope(), { resource: event.resource }));
  const [asked, setAsked] = useState<Asked>({ written: "", reason: "" });
  const [amount, setAmount] = useState<number | null>(null);
  const nameOf = useResourceName();
  const shown = (value: number) => {
    const text = format.amount(value, event.resource);
    return kindOf(event.resource) === "number" ? `${text} ${nameOf(event.resource, value)}` : text;
  };

  const happens = (given: number) => {
    if (balance.data === undefined) return null;
    const made = refundOf(trace, given);
    const also = made.gone > 0 ? [t("refund.gone", { amount: shown(made.gone) })] : [];
    return <WhatHappens resource={event.resource} consequence={ofRefund(balance.data, made)} also={also} />;
  };
  if (amount === null) {
    return (
      <RefundForm
        left={leftOf(trace)}
        resource={event.resource}
        asked={asked}
        onChange={setAsked}
        onSubmit={setAmount}
        onClose={onClose}
        happens={happens}
      />
    );
  }
  const confirm = () =>
    refund.mutate(
      { amount, reason: asked.reason.trim() },
      {
        onSuccess: ({ refunded }) => {
          toast.done(t("refund.done", { amount: shown(refunded) }));
          onClose();
        },
      },
    );
  return (
    <ConfirmModal
      opened
      onClose={onClose}
      title={t("refund.sure", { amount: shown(amount) })}
      confirm={t("refund.confirm")}
      onConfirm={confirm}
      pending={refund.isPending}
      error={refund.error}
    >
      <Text size="sm" mb="sm">
        {t("refund.final", { reason: asked.reason.trim() })}
      </Text>
      {happens(amount)}
    </ConfirmModal>
  );
}
