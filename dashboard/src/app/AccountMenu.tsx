import { ActionIcon, Button, Divider, Group, Popover, SegmentedControl, Select, Stack, Text } from "@mantine/core";
import { useMantineColorScheme, type MantineColorScheme } from "@mantine/core";
import { IconLogout, IconSettings } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { useToast } from "../ui/useToast";
import { isLanguage, LANGUAGES } from "./languages";
import { INTERVALS, keptInterval, useRefresh } from "./refresh";
import { useSession, useSignOut } from "./session";
import { chooseLanguage, useLanguage } from "./words";

/** Who is signed in, the reader's own settings, and the way out. */
export function AccountMenu() {
  const { t } = useTranslation();
  const toast = useToast();
  const signOut = useSignOut();
  return (
    <Popover position="bottom-end" width={288} trapFocus returnFocus withinPortal shadow="md">
      <Popover.Target>
        <ActionIcon variant="default" size="lg" aria-label={t("shell.settings")}>
          <IconSettings size={20} stroke={1.6} aria-hidden />
        </ActionIcon>
      </Popover.Target>
      <Popover.Dropdown aria-label={t("shell.settings")}>
        <Stack gap="sm">
          <WhoIsHere />
          <Divider />
          <LanguageSwitch />
          <ThemeSwitch />
          <RefreshSwitch />
          <Divider />
          <Button
            variant="default"
            leftSection={<IconLogout size={18} aria-hidden />}
            onClick={() => signOut().catch(toast.failed)}
          >
            {t("shell.sign_out")}
          </Button>
        </Stack>
      </Popover.Dropdown>
    </Popover>
  );
}

function WhoIsHere() {
  const { t } = useTranslation();
  const session = useSession();
  return (
    <div>
      <Text fw={600}>{session.account?.name ?? t("shell.platform_admin")}</Text>
      <Text size="sm" c="dimmed">
        {t(`role.${session.role}`)}
        {session.user_id !== null && ` · ${session.user_id}`}
      </Text>
      {session.key && (
        <Text size="sm" c="dimmed" ff="monospace">
          {session.key.prefix}…
        </Text>
      )}
    </div>
  );
}

export function LanguageSwitch() {
  const { t } = useTranslation();
  const language = useLanguage();
  return (
    <Select
      label={t("shell.language")}
      data={Object.entries(LANGUAGES).map(([value, label]) => ({ value, label }))}
      value={language}
      allowDeselect={false}
      comboboxProps={{ withinPortal: false }}
      onChange={(chosen) => {
        if (isLanguage(chosen)) void chooseLanguage(chosen);
      }}
    />
  );
}

function ThemeSwitch() {
  const { t } = useTranslation();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <Group gap={4} grow>
      <SegmentedControl
        aria-label={t("shell.theme")}
        data={(["auto", "light", "dark"] satisfies MantineColorScheme[]).map((value) => ({
          value,
          label: t(`shell.theme_${value}`),
        }))}
        value={colorScheme}
        onChange={setColorScheme}
      />
    </Group>
  );
}

function RefreshSwitch() {
  const { t } = useTranslation();
  const { seconds, choose } = useRefresh();
  return (
    <Select
      label={t("shell.refresh")}
      data={INTERVALS.map((value) => ({ value: String(value), label: t(`shell.refresh_${value}`) }))}
      value={String(seconds)}
      allowDeselect={false}
      comboboxProps={{ withinPortal: false }}
      onChange={(chosen) => choose(keptInterval(chosen))}
    />
  );
}
