import { Button } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { EmptyState } from "../../ui/EmptyState";
import { Page } from "../../ui/Page";
import { homeOf, useSession } from "../../app/session";

export function Component() {
  const { t } = useTranslation();
  const session = useSession();
  return (
    <Page title={t("missing.title")}>
      <EmptyState title={t("missing.text")}>
        <Button component={Link} to={homeOf(session)} variant="default" mt="sm">
          {t("shell.home")}
        </Button>
      </EmptyState>
    </Page>
  );
}
