import { Button, Stack } from "@mantine/core";
import { useReducedMotion } from "@mantine/hooks";
import { IconHistory } from "@tabler/icons-react";
import { useRef } from "react";
import { useTranslation } from "react-i18next";
import { reads } from "../../api/reads";
import { useScope } from "../../api/scope";
import type { Schema } from "../../api/types";
import { useList } from "../../api/useRead";
import { EmptyState } from "../../ui/EmptyState";
import { FiguresWaiting } from "../../ui/Figure";
import { Loaded } from "../../ui/Loaded";
import { Page } from "../../ui/Page";
import { Section } from "../../ui/Section";
import { useFilters } from "../../ui/useFilters";
import { Waiting } from "../../ui/Waiting";
import { AllocationCard } from "./AllocationCard";
import classes from "./allocations.module.css";
import { Chooser } from "./Chooser";
import { History } from "./History";
import { Summary } from "./Summary";

const FILTERS = ["resource", "user_id"] as const;

/** What may be spent on each model, and the last uses of it. */
export function Component() {
  const { t } = useTranslation("allocations");
  const filters = useFilters(FILTERS);
  const history = useRef<HTMLDivElement>(null);
  const still = useReducedMotion();
  const query = { resource: filters.one("resource") ?? undefined, user_id: filters.one("user_id") ?? undefined };
  const allocations = useList(reads.allocations(useScope(), query));
  const toHistory = () => {
    history.current?.scrollIntoView({ behavior: still ? "auto" : "smooth" });
    history.current?.focus({ preventScroll: true });
  };
  return (
    <Page
      title={t("nav.allocations")}
      lead={t("lead")}
      actions={
        <Button variant="default" onClick={toHistory} leftSection={<IconHistory size={18} aria-hidden />}>
          {t("view_history")}
        </Button>
      }
    >
      <Chooser filters={filters} />
      <Loaded query={allocations} skeleton={<AllocationsWaiting />}>
        {(answer) => (
          <Stack gap="lg" opacity={allocations.isPlaceholderData ? 0.55 : 1}>
            <Summary allocations={answer} />
            <Current allocations={answer} />
            <History uses={answer.recent} unit={answer.unit} place={history} />
          </Stack>
        )}
      </Loaded>
    </Page>
  );
}

function Current({ allocations: { allocations, unit } }: { allocations: Schema<"Allocations"> }) {
  const { t } = useTranslation("allocations");
  return (
    <Section title={t("current")}>
      {allocations.length === 0 ? (
        <EmptyState title={t("none")}>{t("none_hint")}</EmptyState>
      ) : (
        <ul className={classes.grid}>
          {allocations.map((one) => (
            <AllocationCard key={one.model} of={one} unit={unit} />
          ))}
        </ul>
      )}
    </Section>
  );
}

function AllocationsWaiting() {
  return (
    <Stack gap="lg">
      <FiguresWaiting />
      <Waiting lines={8} />
    </Stack>
  );
}
