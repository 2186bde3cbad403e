import { Stack, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { reads } from "../../api/reads";
import { useScope } from "../../api/scope";
import type { Pack } from "../../api/types";
import { useRead } from "../../api/useRead";
import { useFormat } from "../../format/useFormat";
import { ConfirmModal } from "../../ui/ConfirmModal";
import { useDone } from "../../ui/useToast";
import { ofRevoke } from "./consequences";
import { WhatHappens } from "./WhatHappens";
import { useRevoke } from "./writes";

/** Withdraw a pack; what that does to the balance is said before. */
export function RevokeModal({ pack, onClose }: { pack: Pack; onClose: () => void }) {
  const { t } = useTranslation("packs");
  const format = useFormat();
  const done = useDone(onClose);
  const revoke = useRevoke();
  const balance = useRead(reads.balance(useScope(), { resource: pack.resource }));
  const consequence = balance.data && ofRevoke(balance.data, pack);
  const held = pack.reserved ?? 0;
  const also = held > 0 ? [t("happens.held", { amount: format.amount(held, pack.resource) })] : [];

  const confirm = () => revoke.mutate(pack.id, done(t("revoke.done")));
  return (
    <ConfirmModal
      opened
      danger
      onClose={onClose}
      title={t("revoke.title")}
      confirm={t("revoke.confirm")}
      onConfirm={confirm}
      pending={revoke.isPending}
      error={revoke.error}
    >
      <Stack gap="sm">
        <Text size="sm">{t("revoke.text", { note: pack.note === "" ? pack.id : pack.note })}</Text>
        {consequence && <WhatHappens resource={pack.resource} consequence={consequence} also={also} />}
        {consequence === null && <Text size="sm">{t("happens.unlimited_gone")}</Text>}
      </Stack>
    </ConfirmModal>
  );
}
