import { Placeholder } from "../../ui/Placeholder";

export function Component() {
  return <Placeholder name="allocations" />;
}
