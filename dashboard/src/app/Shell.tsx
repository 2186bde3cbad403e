import { AppShell, Burger, Group, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { Suspense, useEffect } from "react";
import { useTranslation } from "react-i18next";
import { Link, Outlet, useLocation } from "react-router";
import { Footer } from "../ui/Footer";
import { Waiting } from "../ui/Waiting";
import { AccountMenu } from "./AccountMenu";
import { Logo } from "./Logo";
import { Navigation } from "./Navigation";
import { homeOf, SignedIn, useSession } from "./session";

/** What surrounds every page of people who are signed in. */
export function Shell() {
  return (
    <SignedIn>
      <Frame />
    </SignedIn>
  );
}

function Frame() {
  const { t } = useTranslation();
  const session = useSession();
  const place = useLocation();
  const [opened, { toggle, close }] = useDisclosure(false);
  useEffect(close, [close, place.pathname]);

  return (
    <AppShell
      header={{ height: 56 }}
      navbar={{ width: 232, breakpoint: "sm", collapsed: { mobile: !opened } }}
      padding={{ base: "sm", sm: "lg" }}
    >
      <a className="skip-link" href="#main">
        {t("shell.skip")}
      </a>
      <AppShell.Header>
        <Group h="100%" px="sm" justify="space-between" wrap="nowrap">
          <Group gap="xs" wrap="nowrap">
            <Burger
              opened={opened}
              onClick={toggle}
              hiddenFrom="sm"
              size="sm"
              aria-label={t(opened ? "shell.close_menu" : "shell.open_menu")}
              aria-expanded={opened}
            />
            <Link to={homeOf(session)} aria-label={t("shell.home")} className="farebox-home">
              <Logo />
            </Link>
          </Group>
          <Group gap="xs" wrap="nowrap" miw={0}>
            <Text size="sm" c="dimmed" truncate visibleFrom="xs">
              {session.account?.name ?? t("shell.platform_admin")}
            </Text>
            <AccountMenu />
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="xs" aria-label={t("shell.navigation")}>
        <Navigation />
      </AppShell.Navbar>
      <AppShell.Main id="main" tabIndex={-1} className="farebox-main">
        <div className="farebox-page">
          <Suspense fallback={<Waiting />}>
            <Outlet />
          </Suspense>
        </div>
        <Footer />
      </AppShell.Main>
    </AppShell>
  );
}
