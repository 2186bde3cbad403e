import { Alert, Box, Card, Center, Stack, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useEffect } from "react";
import { useTranslation } from "react-i18next";
import { Navigate, useSearchParams } from "react-router";
import { LanguageSwitch } from "../../app/AccountMenu";
import { Logo } from "../../app/Logo";
import { homeOf, sessionRead } from "../../app/session";
import { Waiting } from "../../ui/Waiting";
import { KeyForm } from "./KeyForm";
import { safeNext } from "./next";

/** Sign in with a key. Other ways to sign in get cards of their own below it. */
export function Component() {
  const { t } = useTranslation("sign-in");
  const [params] = useSearchParams();
  const session = useQuery(sessionRead);
  useEffect(() => {
    document.title = `${t("title")} · Farebox`;
  }, [t]);

  if (session.isPending) return <Waiting />;
  if (session.data) return <Navigate to={safeNext(params.get("next")) ?? homeOf(session.data)} replace />;
  return (
    <Center component="main" mih="100dvh" p="md">
      <Stack w="100%" maw={420} gap="lg">
        <Center>
          <Logo />
        </Center>
        <Card withBorder padding="lg">
          <Stack>
            <Box>
              <Title order={1} size="h3">
                {t("title")}
              </Title>
              <Text size="sm" c="dimmed">
                {t("lead")}
              </Text>
            </Box>
            {params.has("ended") && (
              <Alert color="yellow" role="status">
                {t("ended")}
              </Alert>
            )}
            <KeyForm />
          </Stack>
        </Card>
        <LanguageSwitch />
      </Stack>
    </Center>
  );
}
