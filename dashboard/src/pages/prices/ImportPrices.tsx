import { Checkbox, List, ScrollArea, Stack, TagsInput, Text } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Schema } from "../../api/types";
import { useFormat } from "../../format/useFormat";
import { EmptyState } from "../../ui/EmptyState";
import { FormModal } from "../../ui/FormModal";
import { useDone } from "../../ui/useToast";
import { changesOf } from "./form";
import { useImportPrices } from "./writes";

/** Compares the table with the published prices, shows what would change, and asks before it changes exactly that. */
export function ImportPrices({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation("prices");
  const done = useDone(onClose);
  const format = useFormat();
  const [choice, setChoice] = useState({ models: [] as string[], everything: false });
  const look = useImportPrices();
  const apply = useImportPrices();
  const found = look.data;
  const asked = { everything: choice.everything, ...(choice.models.length === 0 ? {} : { models: choice.models }) };
  const number = format.number(found?.changes.length ?? 0);
  const submit = () =>
    found ? apply.mutate({ ...asked, apply: found.digest }, done(t("import.done", { number }))) : look.mutate(asked);
  return (
    <FormModal
      title={t("import.title")}
      size="lg"
      onClose={onClose}
      submit={found ? t("import.apply", { number }) : t("import.look")}
      onSubmit={submit}
      disabled={found?.changes.length === 0}
      pending={look.isPending || apply.isPending}
      error={look.error ?? apply.error}
    >
      {found === undefined ? (
        <>
          <Text size="sm">{t("import.hint")}</Text>
          <TagsInput
            label={t("import.models")}
            description={t("import.models_hint")}
            value={choice.models}
            onChange={(models) => setChoice({ ...choice, models })}
          />
          <Checkbox
            label={t("import.everything")}
            checked={choice.everything}
            onChange={(event) => setChoice({ ...choice, everything: event.currentTarget.checked })}
          />
        </>
      ) : (
        <Plan plan={found} />
      )}
    </FormModal>
  );
}

function Plan({ plan }: { plan: Schema<"ImportedPrices"> }) {
  const { t } = useTranslation("prices");
  const format = useFormat();
  const money = (micro: number | undefined) => (micro === undefined ? "–" : format.money(micro));
  return (
    <Stack gap="sm">
      <Text size="sm">{t("import.source", { source: plan.source })}</Text>
      {plan.unknown.length > 0 && <Text size="sm">{t("import.unknown", { models: format.list(plan.unknown) })}</Text>}
      {plan.changes.length === 0 ? (
        <EmptyState title={t("import.same")} />
      ) : (
        <ScrollArea.Autosize mah={360} type="auto" viewportProps={{ tabIndex: 0 }}>
          <List size="sm" spacing="xs">
            {plan.changes.map(({ before, after }) => (
              <List.Item key={`${after.model} ${after.service_tier ?? ""} ${after.above_prompt_tokens ?? 0}`}>
                <Text fw={600} size="sm">
                  {after.model} {after.service_tier !== "default" && after.service_tier}
                  {after.above_prompt_tokens ? ` > ${format.number(after.above_prompt_tokens)}` : ""}
                </Text>
                {after.ended
                  ? t("ended")
                  : changesOf(before, after).map((one) => (
                      <Text key={one.name} size="sm">
                        {t("pair", {
                          name: t(`price.${one.name}`),
                          value: `${money(one.before)} → ${money(one.after)}`,
                        })}
                      </Text>
                    ))}
              </List.Item>
            ))}
          </List>
        </ScrollArea.Autosize>
      )}
    </Stack>
  );
}
