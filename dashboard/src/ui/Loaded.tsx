import { Alert, Button, Group, Stack, Text } from "@mantine/core";
import { IconClockExclamation } from "@tabler/icons-react";
import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useFormat } from "../format/useFormat";
import { Failure, useReason } from "./Failure";
import { Waiting } from "./Waiting";

interface Props<Data> {
  query: UseQueryResult<Data>;
  children: (data: Data) => ReactNode;
  /** What stands in while nothing is there yet; by default some grey lines. */
  skeleton?: ReactNode;
}

/** A read in each of its states: waiting, failed, stale (shown with a notice), there. */
export function Loaded<Data>({ query, children, skeleton }: Props<Data>) {
  const retry = () => void query.refetch();
  if (query.data === undefined) {
    return query.isError ? <Failure error={query.error} onRetry={retry} /> : (skeleton ?? <Waiting lines={4} />);
  }
  return (
    <>
      {query.isError && <Stale error={query.error} since={query.dataUpdatedAt} onRetry={retry} />}
      {children(query.data)}
    </>
  );
}

/** What is shown is old, because reading it again failed. */
export function Stale({ error, since, onRetry }: { error: Error; since: number; onRetry: () => void }) {
  const { t } = useTranslation();
  const format = useFormat();
  const reason = useReason(error);
  return (
    <Alert color="yellow" role="status" mb="md" icon={<IconClockExclamation aria-hidden />} title={t("stale.title")}>
      <Group justify="space-between" gap="sm">
        <Stack gap={2}>
          <Text size="sm">{t("stale.since", { time: format.clock(new Date(since)) })}</Text>
          <Text size="sm">{reason}</Text>
        </Stack>
        <Button variant="default" size="xs" onClick={onRetry}>
          {t("failure.retry")}
        </Button>
      </Group>
    </Alert>
  );
}
