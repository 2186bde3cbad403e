import { useTranslation } from "react-i18next";
import { EmptyState } from "./EmptyState";
import { Page } from "./Page";

/** A page that is still to be built; `name` is its key in the navigation. */
export function Placeholder({ name }: { name: string }) {
  const { t } = useTranslation();
  return (
    <Page title={t(`nav.${name}`)}>
      <EmptyState title={t("nav.soon")} />
    </Page>
  );
}
