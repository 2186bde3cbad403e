import { ActionIcon, Menu } from "@mantine/core";
import {
  IconAdjustments,
  IconChartHistogram,
  IconCoins,
  IconDots,
  IconKey,
  IconPencil,
  IconUserCheck,
  IconUserOff,
  type Icon,
} from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { useScope, useTo } from "../../api/scope";
import type { Schema } from "../../api/types";

type Member = Schema<"Member">;
export type MemberAction = "edit" | "limits" | "key" | "allocate" | "deactivate" | "reactivate";

interface Props {
  subject: Member;
  onAction: (action: MemberAction, subject: Member) => void;
}

/** What may be done with a member. Packs are granted by platform admins alone. */
export function MemberMenu({ subject, onAction }: Props) {
  const { t } = useTranslation("members");
  const scope = useScope();
  const to = useTo();
  const active = subject.status === "active";
  const item = (action: MemberAction, Sign: Icon, danger = false) => (
    <Menu.Item
      color={danger ? "red" : undefined}
      leftSection={<Sign size={16} aria-hidden />}
      onClick={() => onAction(action, subject)}
    >
      {t(action === "limits" ? "limits.title" : action)}
    </Menu.Item>
  );
  return (
    <Menu position="bottom-end" withinPortal>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" aria-label={t("actions_of", { name: subject.user_id })}>
          <IconDots size={18} aria-hidden />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {item("edit", IconPencil)}
        {active && scope.kind === "admin" && item("allocate", IconCoins)}
        {item("limits", IconAdjustments)}
        {active && item("key", IconKey)}
        <Menu.Item
          component={Link}
          to={to(`usage?user_id=${encodeURIComponent(subject.user_id)}`)}
          leftSection={<IconChartHistogram size={16} aria-hidden />}
        >
          {t("history")}
        </Menu.Item>
        {active ? item("deactivate", IconUserOff, true) : item("reactivate", IconUserCheck)}
      </Menu.Dropdown>
    </Menu>
  );
}
