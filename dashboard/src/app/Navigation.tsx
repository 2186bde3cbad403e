import { NavLink, ScrollArea, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { Link, useLocation, useParams } from "react-router";
import { adminReads } from "../api/adminReads";
import { useRead } from "../api/useRead";
import { accountPages, platformPages, type NavItem } from "./navigation";
import { useSession } from "./session";

/** The pages that this role has. A platform admin who looks at an account has that account's pages below. */
export function Navigation() {
  const session = useSession();
  const { accountId } = useParams();
  const platform = platformPages(session);
  return (
    <ScrollArea type="auto" scrollbarSize={6}>
      {session.account && <Links root="/" items={accountPages(session.role)} />}
      {platform.length > 0 && <Links root="/admin/" items={platform} />}
      {platform.length > 0 && accountId !== undefined && <AccountLinks accountId={accountId} />}
    </ScrollArea>
  );
}

function AccountLinks({ accountId }: { accountId: string }) {
  const session = useSession();
  const account = useRead(adminReads.account(accountId));
  const items = accountPages(session.role).map((item) => (item.path === "" ? { ...item, path: "overview" } : item));
  return (
    <>
      <Text size="xs" fw={600} c="dimmed" px="sm" pt="md" pb={4} truncate>
        {account.data?.name ?? "…"}
      </Text>
      <Links root={`/admin/accounts/${accountId}/`} items={items} />
    </>
  );
}

function Links({ root, items }: { root: string; items: NavItem[] }) {
  const { t } = useTranslation();
  const here = useLocation().pathname;
  return items.map((item) => {
    const path = `${root}${item.path}`;
    // The list of accounts is not where somebody is who looks at one of them.
    const exact = item.path === "" || item.path === "accounts";
    const active = here === path || (!exact && here.startsWith(`${path}/`));
    return (
      <NavLink
        key={item.path}
        component={Link}
        to={path}
        label={t(`nav.${item.name}`)}
        leftSection={<item.icon size={18} stroke={1.6} aria-hidden />}
        active={active}
        aria-current={active ? "page" : undefined}
        variant="light"
        style={{ borderRadius: "var(--mantine-radius-md)" }}
      />
    );
  });
}
