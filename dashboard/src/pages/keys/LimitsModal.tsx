import { Button, Text } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { reads } from "../../api/reads";
import { useAccount, useScope } from "../../api/scope";
import type { Schema } from "../../api/types";
import { useRead } from "../../api/useRead";
import { useFormat } from "../../format/useFormat";
import { FormModal } from "../../ui/FormModal";
import { Loaded } from "../../ui/Loaded";
import { useDone, useToast } from "../../ui/useToast";
import { LimitFields } from "./LimitFields";
import { LIMITS, limitsOf, resourceOf, textsOf, type LimitName, type LimitTexts } from "./limits";
import { useResetLimits, useSetLimits, type LimitSubject } from "./writes";

interface Props {
  of: LimitSubject;
  /** What people call it. */
  name: string;
  onClose: () => void;
}

/** What is limited, what of it is used, and the form that changes it. */
export function LimitsModal({ of, name, onClose }: Props) {
  const { t } = useTranslation("keys");
  const { unit } = useAccount();
  const toast = useToast();
  const done = useDone(onClose);
  const query = useRead(reads.limits(useScope(), of));
  const set = query.data?.data[0];
  const notes = useNotes(set);
  // Once somebody types, a refresh must not write over it.
  const [typed, setTyped] = useState<LimitTexts | null>(null);
  const texts = typed ?? textsOf(set?.limits ?? null, unit);
  const [tried, setTried] = useState(false);
  const { limits, wrong } = limitsOf(texts, unit);
  const save = useSetLimits(of);
  const reset = useResetLimits(of);
  const submit = () => {
    setTried(true);
    if (wrong.length === 0) save.mutate(limits, done(t("limit.saved")));
  };
  return (
    <FormModal
      title={t("limits.of", { name })}
      size="lg"
      onClose={onClose}
      submit={t("limit.save")}
      onSubmit={submit}
      disabled={query.data === undefined}
      pending={save.isPending}
      error={save.error ?? reset.error}
      aside={
        <Button
          variant="subtle"
          color="gray"
          mr="auto"
          disabled={set === undefined}
          loading={reset.isPending}
          onClick={() => reset.mutate(null, { onSuccess: () => toast.done(t("limit.reset_done")) })}
        >
          {t("limit.reset")}
        </Button>
      }
    >
      <Loaded query={query}>
        {() => (
          <>
            <Text size="sm" mb="md">
              {t("limit.hint")}
            </Text>
            <LimitFields texts={texts} onChange={setTyped} wrong={tried ? wrong : []} unit={unit} notes={notes} />
          </>
        )}
      </Loaded>
    </FormModal>
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
