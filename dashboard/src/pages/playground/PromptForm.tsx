import { Button, Group, NumberInput, Select, Stack, Textarea } from "@mantine/core";
import { IconPlayerStop, IconSend } from "@tabler/icons-react";
import type { KeyboardEvent, SyntheticEvent } from "react";
import { useTranslation } from "react-i18next";
import type { Question } from "./chat";

interface Props {
  question: Question;
  onChange: (question: Question) => void;
  models: string[];
  running: boolean;
  onAsk: () => void;
  onStop: () => void;
}

/** One prompt, the model and the limit of its answer. */
export function PromptForm({ question, onChange, models, running, onAsk, onStop }: Props) {
  const { t } = useTranslation("playground");
  const ready = question.prompt.trim() !== "" && question.model !== "";
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    if (ready && !running) onAsk();
  };
  const stop = (event: SyntheticEvent) => {
    // The button is the one that sends by the time that this click comes to its default: it must not submit.
    event.preventDefault();
    onStop();
  };
  const keys = (event: KeyboardEvent) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) submit(event);
  };
  return (
    <form onSubmit={submit}>
      <Stack>
        <Textarea
          label={t("prompt")}
          description={t("prompt_hint")}
          placeholder={t("prompt_placeholder")}
          autosize
          minRows={4}
          maxRows={14}
          value={question.prompt}
          onChange={(event) => onChange({ ...question, prompt: event.currentTarget.value })}
          onKeyDown={keys}
        />
        <Group align="flex-end" gap="md">
          <Select
            label={t("model")}
            data={models}
            value={question.model}
            onChange={(model) => onChange({ ...question, model: model ?? "" })}
            allowDeselect={false}
            searchable={models.length > 8}
            flex="1 1 200px"
          />
          <NumberInput
            label={t("max_tokens")}
            placeholder={t("max_tokens_any")}
            min={1}
            allowDecimal={false}
            allowNegative={false}
            thousandSeparator
            hideControls
            value={question.maxTokens ?? ""}
            onChange={(value) => onChange({ ...question, maxTokens: value === "" ? null : Number(value) })}
            flex="1 1 160px"
          />
          {running ? (
            <Button
              color="red"
              variant="light"
              onClick={stop}
              leftSection={<IconPlayerStop size={18} aria-hidden />}
              flex="0 0 auto"
            >
              {t("stop")}
            </Button>
          ) : (
            <Button type="submit" disabled={!ready} leftSection={<IconSend size={18} aria-hidden />} flex="0 0 auto">
              {t("send")}
            </Button>
          )}
        </Group>
      </Stack>
    </form>
  );
}
