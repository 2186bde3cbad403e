import { Anchor, Group, Loader, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { useTo } from "../../api/scope";
import { useFormat } from "../../format/useFormat";
import { EmptyState } from "../../ui/EmptyState";
import { Section } from "../../ui/Section";
import { isRunning, type Progress } from "./progress";

/** The answer as it comes, and how it ended. */
export function Answer({ progress }: { progress: Progress }) {
  const { t } = useTranslation("playground");
  const to = useTo();
  const running = isRunning(progress);
  const { requestId } = progress;
  return (
    <Section
      title={t("answer")}
      actions={
        running ? (
          <Loader size="xs" type="dots" aria-label={t("streaming")} />
        ) : (
          requestId !== null &&
          progress.phase !== "failed" && (
            <Anchor component={Link} to={to(`ledger/${requestId}`)} size="sm">
              {t("see_request")}
            </Anchor>
          )
        )
      }
    >
      {progress.text === "" && !running ? (
        <EmptyState title={t("nothing")}>{t("nothing_hint")}</EmptyState>
      ) : (
        // Read out once it is whole: a screen reader that is told each word says none of them.
        <Text
          component="div"
          style={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}
          aria-live="polite"
          aria-busy={running}
          mih={72}
        >
          {progress.text}
        </Text>
      )}
      <Ending progress={progress} />
    </Section>
  );
}

function Ending({ progress }: { progress: Progress }) {
  const { t } = useTranslation("playground");
  const format = useFormat();
  const said = [
    progress.clampedTo !== null && t("clamped", { limit: format.number(progress.clampedTo) }),
    progress.phase === "stopped" && t("you_stopped"),
    progress.finish === "length" && t("cut"),
  ].filter((line) => line !== false);
  if (said.length === 0) return null;
  return (
    <Group mt="sm" gap="xs">
      {said.map((line) => (
        <Text key={line} size="sm" c="dimmed">
          {line}
        </Text>
      ))}
    </Group>
  );
}
