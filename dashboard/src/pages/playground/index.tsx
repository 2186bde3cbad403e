import { Stack } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { modelsOf } from "../../api/models";
import { reads } from "../../api/reads";
import { useScope } from "../../api/scope";
import { useRead } from "../../api/useRead";
import { EmptyState } from "../../ui/EmptyState";
import { FiguresWaiting } from "../../ui/Figure";
import { Loaded } from "../../ui/Loaded";
import { Page } from "../../ui/Page";
import { Section } from "../../ui/Section";
import { Answer } from "./Answer";
import { BalanceNotice } from "./BalanceNotice";
import type { Question } from "./chat";
import { Meter } from "./Meter";
import { isRunning } from "./progress";
import { PromptForm } from "./PromptForm";
import { Refusal } from "./Refusal";
import { useChat } from "./useChat";
import { useForecast } from "./useForecast";
import { useMeter } from "./useMeter";

const ANSWER_TOKENS = 256; // Long enough to see it stream, short enough to cost little.

export function Component() {
  const { t } = useTranslation("playground");
  const scope = useScope();
  const pricing = useRead(reads.pricing(scope));
  return (
    <Page title={t("nav.playground")} lead={t("lead")}>
      <Loaded query={pricing}>
        {(data) => {
          const models = modelsOf(data);
          return models.length === 0 ? (
            <EmptyState title={t("no_models")}>{t("no_models_hint")}</EmptyState>
          ) : (
            <Playground models={models} />
          );
        }}
      </Loaded>
    </Page>
  );
}

function Playground({ models }: { models: string[] }) {
  const { t } = useTranslation("playground");
  const [question, setQuestion] = useState<Question>({
    model: models[0] ?? "",
    prompt: "",
    maxTokens: ANSWER_TOKENS,
  });
  const { progress, ask, stop } = useChat();
  const [asked, setAsked] = useState<Question | null>(null);
  const forecast = useForecast(progress.phase === "idle" ? question : (asked ?? question));
  const { balance, trace } = useMeter(progress);
  const onAsk = () => {
    setAsked(question);
    void ask(question);
  };
  return (
    <Stack gap="lg">
      {progress.error === null && balance.data && <BalanceNotice state={balance.data.state} />}
      <Section title={t("ask")}>
        <PromptForm
          question={question}
          onChange={setQuestion}
          models={models}
          running={isRunning(progress)}
          onAsk={onAsk}
          onStop={stop}
        />
      </Section>
      {progress.error && <Refusal error={progress.error} />}
      <Loaded query={balance} skeleton={<FiguresWaiting />}>
        {(data) => <Meter progress={progress} balance={data} trace={trace} forecast={forecast} />}
      </Loaded>
      <Answer progress={progress} />
    </Stack>
  );
}
