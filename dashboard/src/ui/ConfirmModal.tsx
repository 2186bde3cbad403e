import { Alert, Button, Group, Modal, Stack } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useReason } from "./Failure";
import { useFocusBack } from "./useFocusBack";

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
  useFocusBack(props.opened);
  return (
    <Modal
      opened={props.opened}
      onClose={props.onClose}
      title={props.title}
      closeButtonProps={{ "aria-label": t("modal.close") }}
      centered
    >
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
    </Modal>
  );
}

/** Why a change was refused, inside the form or dialog that asked for it. */
export function WhyNot({ error }: { error: Error }) {
  return (
    <Alert color="red" role="alert">
      {useReason(error)}
    </Alert>
  );
}
