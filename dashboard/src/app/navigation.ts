import {
  IconBook2,
  IconBuildingBank,
  IconChartHistogram,
  IconCoins,
  IconCpu,
  IconGauge,
  IconHistory,
  IconKey,
  IconMessageChatbot,
  IconPackages,
  IconReceipt2,
  IconShieldCheck,
  IconSparkles,
  IconUsers,
  type Icon,
} from "@tabler/icons-react";
import type { Role, Session } from "../api/session";

export interface NavItem {
  /** The key of its name in the words (`nav.…`), and its place below the scope's root. */
  name: string;
  path: string;
  icon: Icon;
}

const OVERVIEW: NavItem = { name: "overview", path: "", icon: IconGauge };
const PACKS: NavItem = { name: "packs", path: "packs", icon: IconPackages };
const USAGE: NavItem = { name: "usage", path: "usage", icon: IconChartHistogram };
const LEDGER: NavItem = { name: "ledger", path: "ledger", icon: IconBook2 };
const ALLOCATIONS: NavItem = { name: "allocations", path: "allocations", icon: IconCoins };
const PRICING: NavItem = { name: "pricing", path: "pricing", icon: IconReceipt2 };
const KEYS: NavItem = { name: "keys", path: "keys", icon: IconKey };
const MEMBERS: NavItem = { name: "members", path: "members", icon: IconUsers };
const PLAYGROUND: NavItem = { name: "playground", path: "playground", icon: IconMessageChatbot };

/** The pages of an account, for whoever looks at them. */
export function accountPages(role: Role): NavItem[] {
  const common = [OVERVIEW, PACKS, USAGE, LEDGER, ALLOCATIONS, PRICING];
  switch (role) {
    case "platform_admin":
      return [...common, KEYS, MEMBERS];
    case "account_admin":
      return [...common, KEYS, MEMBERS, PLAYGROUND];
    case "member":
      return [...common, KEYS, PLAYGROUND];
  }
}

/** The pages of the platform. */
export function platformPages(session: Session): NavItem[] {
  if (session.role !== "platform_admin") return [];
  return [
    { name: "accounts", path: "accounts", icon: IconBuildingBank },
    { name: "models", path: "models", icon: IconCpu },
    { name: "features", path: "features", icon: IconSparkles },
    { name: "prices", path: "prices", icon: IconReceipt2 },
    { name: "trail", path: "audit-trail", icon: IconHistory },
    { name: "proof", path: "proof", icon: IconShieldCheck },
  ];
}
