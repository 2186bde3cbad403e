import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useToast } from "./useToast";

/** Read everything that is on the page again, now, and say so. */
export function useRefreshData(): { refresh: () => Promise<void>; refreshing: boolean } {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const toast = useToast();
  const [refreshing, setRefreshing] = useState(false);
  const refresh = async () => {
    setRefreshing(true);
    try {
      await queries.refetchQueries({ type: "active" }, { throwOnError: true });
      toast.done(t("footer.refreshed"));
    } catch (error) {
      toast.failed(error);
    } finally {
      setRefreshing(false);
    }
  };
  return { refresh, refreshing };
}
