import { SimpleGrid, Text } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useFormat } from "../../format/useFormat";
import { Amount } from "../../ui/Amount";
import { Fact, Facts } from "../../ui/Facts";
import type { Counted } from "./useCount";

/** What the chat would hold before it is forwarded, and what it would be charged in the end. */
export function CountFacts({ counted }: { counted: Counted }) {
  const { t } = useTranslation("pricing");
  const format = useFormat();
  const { charge, unit } = counted;
  const amount = (value: number) => <Amount value={value} resource={unit} named />;
  return (
    <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="xl">
      <Group title={t("would_hold")}>
        <Fact name={t("prompt_tokens")}>{format.number(counted.prompt_tokens)}</Fact>
        <Fact name={t("hold")}>{amount(counted.hold)}</Fact>
        <Fact name={t("hold_least")}>{amount(counted.hold_least)}</Fact>
        <Fact name={t("worst_case")}>{amount(counted.worst_case)}</Fact>
      </Group>
      <Group title={t("would_cost")}>
        <Fact name={t("prompt_only")}>
          <Cost charge={charge.prompt_only} unit={unit} />
        </Fact>
        {charge.usual !== null && (
          <Fact name={t("usual", { count: charge.usual.completion_tokens })}>
            <Cost charge={charge.usual} unit={unit} />
          </Fact>
        )}
        <Fact name={t("longest", { count: counted.completion_tokens_max })}>
          <Cost charge={charge.longest} unit={unit} />
        </Fact>
      </Group>
    </SimpleGrid>
  );
}

function Group({ title, children }: { title: string; children: ReactNode }) {
  return (
    <div>
      <Text component="h3" fw={600} mb={4}>
        {title}
      </Text>
      <Facts>{children}</Facts>
    </div>
  );
}

/** The charge, and beside one in tokens what the price table asks for it. */
function Cost({ charge, unit }: { charge: { amount: number; cost: number | null }; unit: string }) {
  return (
    <>
      <Amount value={charge.amount} resource={unit} named />
      {unit !== "credits" && charge.cost !== null && (
        <Text span c="dimmed" size="sm">
          {" "}
          (<Amount value={charge.cost} resource="credits" />)
        </Text>
      )}
    </>
  );
}
