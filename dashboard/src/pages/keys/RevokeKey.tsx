import { Stack, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useSession } from "../../app/session";
import { ConfirmModal } from "../../ui/ConfirmModal";
import { useDone } from "../../ui/useToast";
import type { Key } from "./form";
import { useRevokeKey } from "./writes";

export function RevokeKey({ subject, onClose }: { subject: Key; onClose: () => void }) {
  const { t } = useTranslation("keys");
  const done = useDone(onClose);
  const session = useSession();
  const revoke = useRevokeKey(subject.id);
  return (
    <ConfirmModal
      opened
      onClose={onClose}
      title={t("revoke")}
      confirm={t("revoke")}
      danger
      pending={revoke.isPending}
      error={revoke.error}
      onConfirm={() => revoke.mutate(null, done(t("revoked")))}
    >
      <Stack gap="xs">
        <Text>{t("revoke_hint", { name: subject.name === "" ? subject.prefix : subject.name })}</Text>
        {session.key?.id === subject.id && <Text fw={600}>{t("revoke_own")}</Text>}
      </Stack>
    </ConfirmModal>
  );
}
