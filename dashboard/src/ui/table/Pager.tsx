import { Button, Group, Text } from "@mantine/core";
import { IconChevronLeft, IconChevronRight } from "@tabler/icons-react";
import { useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import { useFormat } from "../../format/useFormat";
import type { Pages } from "../usePages";
import { turnsPages } from "./keys";

interface Props {
  pages: Pages;
  answer: { next_cursor?: string | null; total?: number; total_is_exact?: boolean };
  waiting: boolean;
}

/** Previous and Next, by button or by the left and right arrow keys. */
export function Pager({ pages, answer, waiting }: Props) {
  const { t } = useTranslation();
  const format = useFormat();
  const here = useRef<HTMLDivElement>(null);
  const following = answer.next_cursor ?? null;
  const back = pages.hasPrevious && !waiting ? pages.previous : null;
  const on = following !== null && !waiting ? () => pages.next(following) : null;

  useEffect(() => {
    const turn = (event: KeyboardEvent) => {
      if (!turnsPages(event, here.current)) return;
      const go = event.key === "ArrowLeft" ? back : on;
      if (go === null) return;
      event.preventDefault();
      go();
    };
    document.addEventListener("keydown", turn);
    return () => document.removeEventListener("keydown", turn);
  });

  if (!pages.hasPrevious && following === null && answer.total === undefined) return null;
  const total = answer.total;
  return (
    <Group ref={here} justify="space-between" gap="xs" mt="sm">
      <Text size="sm" c="dimmed" aria-live="polite">
        {t("table.page", { page: format.number(pages.page) })}
        {total !== undefined &&
          ` · ${t(answer.total_is_exact === false ? "table.total_more" : "table.total", { total: format.number(total) })}`}
      </Text>
      <Group gap="xs">
        <Button
          variant="default"
          size="xs"
          disabled={back === null}
          onClick={() => back?.()}
          leftSection={<IconChevronLeft size={16} aria-hidden />}
          aria-keyshortcuts="ArrowLeft"
        >
          {t("table.previous")}
        </Button>
        <Button
          variant="default"
          size="xs"
          disabled={on === null}
          onClick={() => on?.()}
          rightSection={<IconChevronRight size={16} aria-hidden />}
          aria-keyshortcuts="ArrowRight"
        >
          {t("table.next")}
        </Button>
      </Group>
    </Group>
  );
}
