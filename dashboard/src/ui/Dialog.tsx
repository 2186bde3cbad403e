import { Modal, type ModalProps } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useFocusBack } from "./useFocusBack";

/** What stands over the page until it is closed; then the focus is where it was. */
export function Dialog(props: ModalProps) {
  const { t } = useTranslation();
  useFocusBack(props.opened);
  return <Modal centered closeButtonProps={{ "aria-label": t("modal.close") }} {...props} />;
}
