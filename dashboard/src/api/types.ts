import type { components, operations } from "./schema";

/** The shape that the API describes by this name: `Schema<"Pack">`. */
export type Schema<Name extends keyof components["schemas"]> = components["schemas"][Name];

/** The query parameters of an operation: `QueryOf<"listEntries">`. */
export type QueryOf<Name extends keyof operations> = NonNullable<operations[Name]["parameters"]["query"]>;

export type Balance = Schema<"Balance">;
export type Pack = Schema<"Pack">;
export type Entry = Schema<"Entry">;
export type Event = Schema<"Event">;
