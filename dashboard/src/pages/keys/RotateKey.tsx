import { Select, Stack, Text } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useFormat } from "../../format/useFormat";
import { ConfirmModal } from "../../ui/ConfirmModal";
import { useFocusBack } from "../../ui/useFocusBack";
import type { Key } from "./form";
import { SecretShown } from "./SecretShown";
import { useRotateKey } from "./writes";

const HOUR = 3600;
const OVERLAPS = [0, HOUR, 24 * HOUR, 7 * 24 * HOUR, 30 * 24 * HOUR]; // At most 30 days, says the API.

/** A new secret for a key; the old one stays good as long as applications need to change over. */
export function RotateKey({ subject, onClose }: { subject: Key; onClose: () => void }) {
  const { t } = useTranslation("keys");
  useFocusBack(); // After both dialogs.
  const format = useFormat();
  const [overlap, setOverlap] = useState(24 * HOUR);
  const rotate = useRotateKey(subject.id);
  if (rotate.data) return <SecretShown made={rotate.data} onClose={onClose} />;
  return (
    <ConfirmModal
      opened
      onClose={onClose}
      title={t("rotate")}
      confirm={t("rotate")}
      onConfirm={() => rotate.mutate(overlap)}
      pending={rotate.isPending}
      error={rotate.error}
      danger={overlap === 0}
    >
      <Stack>
        <Text size="sm">{t("rotate_hint", { name: subject.name === "" ? subject.prefix : subject.name })}</Text>
        <Select
          label={t("overlap")}
          allowDeselect={false}
          data={OVERLAPS.map((seconds) => ({
            value: String(seconds),
            label: seconds === 0 ? t("overlap_none") : format.duration(seconds),
          }))}
          value={String(overlap)}
          onChange={(seconds) => setOverlap(Number(seconds))}
        />
        <Text size="sm">{overlap === 0 ? t("overlap_none_hint") : t("overlap_hint")}</Text>
      </Stack>
    </ConfirmModal>
  );
}
