import { Button, Group, Stack } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Dialog } from "./Dialog";
import { WhyNot } from "./Failure";

interface Props {
  opened: boolean;
  onClose: () => void;
  title: string;
  /** What will happen, in full: whoever confirms must not be surprised. */
  children: ReactNode;
  confirm: string;
  onConfirm: () => void;
  pending?: boolean;
  error?: Error | null;
  danger?: boolean;
}

/** Asks before something is done that can't be undone, and shows why it failed if it does. */
export function ConfirmModal(props: Props) {
  const { t } = useTranslation();
  return (
    <Dialog opened={props.opened} onClose={props.onClose} title={props.title}>
      <Stack>
        <div>{props.children}</div>
        {props.error && <WhyNot error={props.error} />}
        <Group justify="flex-end">
          <Button variant="default" onClick={props.onClose} data-autofocus>
            {t("modal.cancel")}
          </Button>
          <Button color={props.danger ? "red" : undefined} onClick={props.onConfirm} loading={props.pending}>
            {props.confirm}
          </Button>
        </Group>
      </Stack>
    </Dialog>
  );
}
