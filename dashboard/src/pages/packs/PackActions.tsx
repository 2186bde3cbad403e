import { ActionIcon, Group, Tooltip } from "@mantine/core";
import { IconBan, IconPencil } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { Pack } from "../../api/types";

interface Props {
  pack: Pack;
  onEdit: () => void;
  onRevoke: () => void;
}

/** A revoked pack stays as it is; others can be edited, and what still counts can be withdrawn. */
export function PackActions({ pack, onEdit, onRevoke }: Props) {
  const { t } = useTranslation("packs");
  if (pack.status === "revoked") return null;
  return (
    <Group gap={4} wrap="nowrap" display="inline-flex">
      <Tooltip label={t("edit.open")}>
        <ActionIcon
          variant="subtle"
          color="gray"
          size="lg"
          onClick={onEdit}
          aria-label={t("pair", { name: t("edit.open"), value: pack.note })}
        >
          <IconPencil size={18} aria-hidden />
        </ActionIcon>
      </Tooltip>
      {pack.status === "active" && (
        <Tooltip label={t("revoke.open")}>
          <ActionIcon
            variant="subtle"
            color="red"
            size="lg"
            onClick={onRevoke}
            aria-label={t("pair", { name: t("revoke.open"), value: pack.note })}
          >
            <IconBan size={18} aria-hidden />
          </ActionIcon>
        </Tooltip>
      )}
    </Group>
  );
}
