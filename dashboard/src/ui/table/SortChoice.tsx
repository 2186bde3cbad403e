import { NativeSelect } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { Column, Sorting } from "./columns";

/** On a phone cards have no headers to press: the order is chosen here. */
export function SortChoice<Row>({ columns, sorting }: { columns: Column<Row>[]; sorting: Sorting }) {
  const { t } = useTranslation();
  const options = columns.flatMap(({ sort, header }) =>
    sort === undefined
      ? []
      : [
          { value: `-${sort}`, label: `${header} ↓` },
          { value: sort, label: `${header} ↑` },
        ],
  );
  return (
    <NativeSelect
      label={t("table.order")}
      mb="sm"
      data={options}
      value={sorting.sort}
      onChange={(event) => sorting.onSort(event.currentTarget.value)}
    />
  );
}
