import { Grid, Progress, Stack, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { reads } from "../../api/reads";
import { useAccount, useScope } from "../../api/scope";
import type { Schema } from "../../api/types";
import { useList } from "../../api/useRead";
import { useSession } from "../../app/session";
import { percentOf } from "../../format/amounts";
import { since } from "../../format/days";
import { Amount } from "../../ui/Amount";
import { Loaded } from "../../ui/Loaded";
import { Section } from "../../ui/Section";

type Group = "model" | "member" | "feature";

const SHOWN = 5;

/** Which models, members and features used most. A member sees their own use only, so no other members. */
export function TopCards({ days }: { days: number }) {
  const groups: Group[] = useSession().role === "member" ? ["model", "feature"] : ["model", "member", "feature"];
  return (
    <Grid>
      {groups.map((group) => (
        <Grid.Col key={group} span={{ base: 12, sm: 6, lg: 12 / groups.length }}>
          <Top group={group} days={days} />
        </Grid.Col>
      ))}
    </Grid>
  );
}

function Top({ group, days }: { group: Group; days: number }) {
  const { t } = useTranslation("overview");
  const { unit } = useAccount();
  const usage = useList(
    reads.usage(useScope(), {
      interval: "all",
      group_by: [group],
      sort: "-charge",
      limit: SHOWN,
      from: since(days, new Date()),
    }),
  );
  return (
    <Section title={t(`top_${group}`)}>
      <Loaded query={usage}>
        {({ data }) =>
          data.length === 0 ? (
            <Text size="sm" c="dimmed">
              {t("no_usage")}
            </Text>
          ) : (
            <Stack component="ol" gap="xs" m={0} p={0} style={{ listStyle: "none" }}>
              {data.map((point) => (
                <Bar
                  key={nameOf(point, group) ?? ""}
                  name={nameOf(point, group) ?? t(`without_${group}`)}
                  amount={point.charge}
                  most={data[0]?.charge ?? 0}
                  unit={unit}
                />
              ))}
            </Stack>
          )
        }
      </Loaded>
    </Section>
  );
}

function nameOf(point: Schema<"UsagePoint">, group: Group): string | null {
  const name = { model: point.model, member: point.user_id, feature: point.feature }[group];
  return name ?? null;
}

function Bar({ name, amount, most, unit }: { name: string; amount: number; most: number; unit: string }) {
  return (
    <li>
      <Text component="div" size="sm" style={{ display: "flex", justifyContent: "space-between", gap: "1rem" }}>
        <span style={{ overflowWrap: "anywhere" }}>{name}</span>
        <Amount value={amount} resource={unit} />
      </Text>
      <Progress value={percentOf(amount, most)} size="sm" aria-hidden />
    </li>
  );
}
