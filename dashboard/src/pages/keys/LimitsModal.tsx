import { Button, Group, Modal, Stack, Text } from "@mantine/core";
import { useState, type SyntheticEvent } from "react";
import { useTranslation } from "react-i18next";
import { reads } from "../../api/reads";
import { useAccount, useScope } from "../../api/scope";
import type { Schema } from "../../api/types";
import { useRead } from "../../api/useRead";
import { useFormat } from "../../format/useFormat";
import { WhyNot } from "../../ui/ConfirmModal";
import { useFocusBack } from "../../ui/useFocusBack";
import { Loaded } from "../../ui/Loaded";
import { useToast } from "../../ui/useToast";
import { LimitFields } from "./LimitFields";
import { LIMITS, limitsOf, resourceOf, textsOf, type LimitName } from "./limits";
import { useResetLimits, useSetLimits, type LimitSubject } from "./writes";

interface Props {
  of: LimitSubject;
  title: string;
  onClose: () => void;
}

/** What is limited, what of it is used, and the form that changes it. */
export function LimitsModal({ of, title, onClose }: Props) {
  const { t } = useTranslation("keys");
  useFocusBack();
  const limits = useRead(reads.limits(useScope(), of));
  return (
    <Modal
      opened
      onClose={onClose}
      title={title}
      size="lg"
      centered
      closeButtonProps={{ "aria-label": t("modal.close") }}
    >
      <Loaded query={limits}>{(list) => <LimitsForm of={of} set={list.data[0]} onClose={onClose} />}</Loaded>
    </Modal>
  );
}

function LimitsForm({ of, set, onClose }: Omit<Props, "title"> & { set: Schema<"LimitSet"> | undefined }) {
  const { t } = useTranslation("keys");
  const { unit } = useAccount();
  const toast = useToast();
  const notes = useNotes(set);
  // What was there when the form opened; a refresh must not write over what somebody types.
  const [texts, setTexts] = useState(() => textsOf(set?.limits ?? null, unit));
  const [tried, setTried] = useState(false);
  const { limits, wrong } = limitsOf(texts, unit);
  const save = useSetLimits(of);
  const reset = useResetLimits(of);
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    setTried(true);
    if (wrong.length > 0) return;
    save.mutate(limits, {
      onSuccess: () => {
        toast.done(t("limit.saved"));
        onClose();
      },
    });
  };
  const error = save.error ?? reset.error;
  return (
    <form onSubmit={submit}>
      <Stack>
        <Text size="sm">{t("limit.hint")}</Text>
        <LimitFields texts={texts} onChange={setTexts} wrong={tried ? wrong : []} unit={unit} notes={notes} />
        {error && <WhyNot error={error} />}
        <Group justify="space-between">
          <Button
            variant="subtle"
            color="gray"
            disabled={set === undefined}
            loading={reset.isPending}
            onClick={() => reset.mutate(null, { onSuccess: () => toast.done(t("limit.reset_done")) })}
          >
            {t("limit.reset")}
          </Button>
          <Group gap="xs">
            <Button variant="default" onClick={onClose}>
              {t("modal.cancel")}
            </Button>
            <Button type="submit" loading={save.isPending}>
              {t("limit.save")}
            </Button>
          </Group>
        </Group>
      </Stack>
    </form>
  );
}

function useNotes(set: Schema<"LimitSet"> | undefined): Partial<Record<LimitName, string>> {
  const { t } = useTranslation("keys");
  const format = useFormat();
  const { unit } = useAccount();
  const notes: Partial<Record<LimitName, string>> = {};
  for (const name of LIMITS) {
    const use = set?.usage?.[name];
    if (!use) continue;
    const amount = (value: number) => format.amount(value, resourceOf(name, unit));
    notes[name] = t(use.resets_at === null ? "limit.used" : "limit.used_until", {
      used: amount(use.used),
      remaining: amount(use.remaining),
      at: use.resets_at === null ? "" : format.time(use.resets_at),
    });
  }
  return notes;
}
