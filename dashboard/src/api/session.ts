import type { Schema } from "./types";

/** Who is signed in, and what they may. */
export type Session = Schema<"Session">;

export type Role = Session["role"];
