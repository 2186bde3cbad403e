import { Button } from "@mantine/core";
import { IconDownload } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { useSession } from "../app/session";
import { useToast } from "./useToast";

interface Props {
  href: string;
  label: string;
  /** There is nothing to download. */
  empty?: boolean;
}

/** A plain link to a file. In demo mode, and with nothing to download, it says so instead. */
export function DownloadButton({ href, label, empty = false }: Props) {
  const { t } = useTranslation();
  const { demo } = useSession();
  const toast = useToast();
  const icon = <IconDownload size={18} aria-hidden />;
  if (demo || empty) {
    const why = t(demo ? "download.demo" : "download.empty");
    return (
      <Button variant="default" leftSection={icon} aria-disabled onClick={() => toast.failed(why)} title={why}>
        {label}
      </Button>
    );
  }
  return (
    <Button variant="default" leftSection={icon} component="a" href={href} download>
      {label}
    </Button>
  );
}
