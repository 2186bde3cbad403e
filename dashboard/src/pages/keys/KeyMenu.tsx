import { ActionIcon, Menu } from "@mantine/core";
import { IconAdjustments, IconBan, IconDots, IconPencil, IconRefresh } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { useSession } from "../../app/session";
import type { Key } from "./form";

export type KeyAction = "edit" | "limits" | "rotate" | "revoke";

/** What may be done with a key by whoever looks at it. */
export function KeyMenu({ subject, onAction }: { subject: Key; onAction: (action: KeyAction, subject: Key) => void }) {
  const { t } = useTranslation("keys");
  const { role } = useSession();
  if (subject.revoked_at !== null) return null;
  const member = role === "member";
  const mayRotate = !member || subject.role === "member";
  const name = subject.name === "" ? subject.prefix : subject.name;
  return (
    <Menu position="bottom-end" withinPortal>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" aria-label={t("actions_of", { name })}>
          <IconDots size={18} aria-hidden />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {!member && (
          <Menu.Item leftSection={<IconPencil size={16} aria-hidden />} onClick={() => onAction("edit", subject)}>
            {t("edit")}
          </Menu.Item>
        )}
        {!member && (
          <Menu.Item
            leftSection={<IconAdjustments size={16} aria-hidden />}
            onClick={() => onAction("limits", subject)}
          >
            {t("limits.title")}
          </Menu.Item>
        )}
        {mayRotate && (
          <Menu.Item leftSection={<IconRefresh size={16} aria-hidden />} onClick={() => onAction("rotate", subject)}>
            {t("rotate")}
          </Menu.Item>
        )}
        <Menu.Item
          color="red"
          leftSection={<IconBan size={16} aria-hidden />}
          onClick={() => onAction("revoke", subject)}
        >
          {t("revoke")}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
