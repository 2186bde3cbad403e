import { Badge } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { Balance, Entry, Pack } from "../api/types";

const STATE_COLORS: Record<Balance["state"], string> = { normal: "green", running_low: "yellow", stopped: "red" };

const STATUS_COLORS: Record<Pack["status"], string> = {
  active: "green",
  depleted: "gray",
  expired: "orange",
  revoked: "red",
};

const TYPE_COLORS: Record<Entry["type"], string> = {
  Usage: "red",
  Purchase: "green",
  Refund: "blue",
  Grant: "teal",
  Expiry: "gray",
  Revoke: "orange",
  Correction: "violet",
};

/** A coloured word. Never colour alone: the word says the same. */
export function WordBadge({ color, children }: { color?: string; children: string }) {
  return (
    <Badge className="farebox-badge" variant="light" color={color} radius="sm" tt="none" fw={600}>
      {children}
    </Badge>
  );
}

/** Normal, Running low, AI stopped. */
export function StateBadge({ state }: { state: Balance["state"] }) {
  const { t } = useTranslation();
  return <WordBadge color={STATE_COLORS[state]}>{t(`state.${state}`)}</WordBadge>;
}

/** Active, Depleted, Expired, Revoked. */
export function StatusBadge({ status }: { status: Pack["status"] }) {
  const { t } = useTranslation();
  return <WordBadge color={STATUS_COLORS[status]}>{t(`status.${status}`)}</WordBadge>;
}

/** Usage (red), Purchase (green), Refund (blue), and what else an entry may be. */
export function TypeBadge({ type }: { type: Entry["type"] }) {
  const { t } = useTranslation();
  return <WordBadge color={TYPE_COLORS[type]}>{t(`type.${type}`)}</WordBadge>;
}

export function UnlimitedBadge() {
  const { t } = useTranslation();
  return <WordBadge color="cyan">{t("amount.unlimited")}</WordBadge>;
}
