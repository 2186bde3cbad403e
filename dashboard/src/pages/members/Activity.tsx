import { Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { Schema } from "../../api/types";
import { ConfirmModal } from "../../ui/ConfirmModal";
import { useDone } from "../../ui/useToast";
import { useChangeMember, useDeactivateMember } from "./writes";

interface Props {
  subject: Schema<"Member">;
  onClose: () => void;
}

/** Asks before a member's keys are refused. */
export function Deactivate({ subject, onClose }: Props) {
  const { t } = useTranslation("members");
  const done = useDone(onClose);
  const deactivate = useDeactivateMember(subject.user_id);
  return (
    <ConfirmModal
      opened
      onClose={onClose}
      title={t("deactivate")}
      confirm={t("deactivate")}
      danger
      pending={deactivate.isPending}
      error={deactivate.error}
      onConfirm={() => deactivate.mutate(null, done(t("deactivated")))}
    >
      <Text>{t("deactivate_hint", { name: subject.name === "" ? subject.user_id : subject.name })}</Text>
    </ConfirmModal>
  );
}

export function Reactivate({ subject, onClose }: Props) {
  const { t } = useTranslation("members");
  const done = useDone(onClose);
  const change = useChangeMember(subject.user_id);
  return (
    <ConfirmModal
      opened
      onClose={onClose}
      title={t("reactivate")}
      confirm={t("reactivate")}
      pending={change.isPending}
      error={change.error}
      onConfirm={() => change.mutate({ status: "active" }, done(t("reactivated")))}
    >
      <Text>{t("reactivate_hint", { name: subject.name === "" ? subject.user_id : subject.name })}</Text>
    </ConfirmModal>
  );
}
