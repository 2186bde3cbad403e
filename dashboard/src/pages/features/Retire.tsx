import { Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { Schema } from "../../api/types";
import { ConfirmModal } from "../../ui/ConfirmModal";
import { useDone } from "../../ui/useToast";
import { useRetireFeature } from "./writes";

/** Retires a feature, or brings one back. */
export function Retire({ feature, onClose }: { feature: Schema<"Feature">; onClose: () => void }) {
  const { t } = useTranslation("features");
  const done = useDone(onClose);
  const retire = useRetireFeature(feature.key);
  const active = feature.retired_at === null;
  return (
    <ConfirmModal
      opened
      onClose={onClose}
      title={t(active ? "retire" : "restore")}
      confirm={t(active ? "retire" : "restore")}
      danger={active}
      pending={retire.isPending}
      error={retire.error}
      onConfirm={() => retire.mutate(active, done(t(active ? "is_retired" : "is_back")))}
    >
      <Text>{t(active ? "retire_hint" : "restore_hint", { name: feature.name })}</Text>
    </ConfirmModal>
  );
}
