import { Alert, Button, Code, Group, SimpleGrid, Stack, Text } from "@mantine/core";
import { IconPlayerPlay, IconShieldCheck, IconShieldX } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { Schema } from "../../api/types";
import { useFormat } from "../../format/useFormat";
import { WordBadge } from "../../ui/badges";
import { WhyNot } from "../../ui/Failure";
import { EmptyState } from "../../ui/EmptyState";
import { Section } from "../../ui/Section";
import { Time } from "../../ui/Time";
import { useToast } from "../../ui/useToast";
import { useRunAudit } from "./writes";

type Invariant = Schema<"AuditInvariant">;

/** The invariants: when they were last checked, whether they held, and which rows break one. */
export function Audit({ audit }: { audit: Schema<"AuditReport"> | null }) {
  const { t } = useTranslation("proof");
  const toast = useToast();
  const run = useRunAudit();
  const start = (
    <Button
      size="xs"
      loading={run.isPending}
      leftSection={<IconPlayerPlay size={16} aria-hidden />}
      onClick={() =>
        run.mutate(null, {
          onSuccess: (report) => toast.done(t(report.clean ? "audit.ran_clean" : "audit.ran_broken")),
        })
      }
    >
      {t("audit.run")}
    </Button>
  );
  return (
    <Section title={t("audit.title")} actions={start}>
      <Stack>
        {run.error && <WhyNot error={run.error} />}
        {audit === null ? (
          <EmptyState title={t("audit.never")}>{t("audit.never_hint")}</EmptyState>
        ) : (
          <>
            <Verdict audit={audit} />
            <Invariants invariants={brokenFirst(audit.invariants)} />
          </>
        )}
      </Stack>
    </Section>
  );
}

function Verdict({ audit }: { audit: Schema<"AuditReport"> }) {
  const { t } = useTranslation("proof");
  const format = useFormat();
  const count = audit.invariants.filter((one) => one.broken > 0).length;
  return (
    <Alert
      color={audit.clean ? "green" : "red"}
      role={audit.clean ? "status" : "alert"}
      icon={audit.clean ? <IconShieldCheck aria-hidden /> : <IconShieldX aria-hidden />}
    >
      <Text fw={600}>
        {audit.clean
          ? t("audit.clean", { number: format.number(audit.invariants.length) })
          : t("audit.broken", { broken: format.number(count), number: format.number(audit.invariants.length) })}
      </Text>
      <Text size="sm">
        {t("audit.checked")} <Time at={audit.checked_at} />
      </Text>
    </Alert>
  );
}

function Invariants({ invariants }: { invariants: Invariant[] }) {
  const { t } = useTranslation("proof");
  const format = useFormat();
  return (
    <SimpleGrid
      component="ul"
      cols={{ base: 1, sm: 2 }}
      spacing="xl"
      verticalSpacing="xs"
      p={0}
      m={0}
      style={{ listStyle: "none" }}
    >
      {invariants.map((one) => (
        <Group component="li" key={one.name} justify="space-between" gap="xs" wrap="nowrap" align="flex-start">
          <div>
            {/* The names are those of the audit's own report: "charges_equal_entries". */}
            <Text size="sm">{one.name.replaceAll("_", " ")}</Text>
            <Rows rows={one.rows} />
          </div>
          <WordBadge color={one.broken === 0 ? "green" : "red"}>
            {one.broken === 0 ? t("audit.holds") : t("audit.rows", { number: format.number(one.broken) })}
          </WordBadge>
        </Group>
      ))}
    </SimpleGrid>
  );
}

function Rows({ rows }: { rows: unknown[] }) {
  if (rows.length === 0) return null;
  return (
    <Group gap={4}>
      {rows.map((row) => {
        const text = typeof row === "string" ? row : JSON.stringify(row);
        return <Code key={text}>{text}</Code>;
      })}
    </Group>
  );
}

/** Broken ones first: whoever looks here must not search for them. */
function brokenFirst(invariants: Invariant[]): Invariant[] {
  return [...invariants].sort((one, other) => other.broken - one.broken);
}
