import { expect, test } from "vitest";

const files = import.meta.glob<string>(["../../pages/*/words/en.json", "./en.json"], {
  query: "?raw",
  import: "default",
  eager: true,
});

/** The words that users have for these things already; each page that has the thing has its word, letter for letter. */
const OWN: Record<string, string[]> = {
  ui: [
    ...["Normal", "Running low", "AI stopped", "Active", "Depleted", "Expired", "Revoked", "Usage", "Purchase"],
    ...["Refund", "Unlimited", "No expiration", "Unable to Load Account Data", "Retry Loading Data", "Live", "Cached"],
    ...["Refresh Data", "Previous", "Next", "Download disabled in demo mode"],
    "No transaction history available to download",
  ],
  overview: [
    ...["Total Tokens", "Available Tokens", "Used This Month", "Active Allocations", "Account Overview", "License"],
    ...["Balance & Statistics", "Current Balance", "Tokens Used", "Credits Used", "API Calls Made"],
    ...["Images Processed", "Last Updated", "Quick Actions", "View Usage History", "Download History"],
    ...["Purchase More Tokens", "Click here to purchase credits", "Transaction History"],
  ],
  packs: ["Status", "Remaining / Total", "Expires", "Granted At", "Note"],
  ledger: [
    ...["Transaction History", "Time", "Amount", "Prompt / Completion", "Model", "Session / Reason", "Pack", "Service"],
    ...["Download History", "No transaction history available."],
  ],
  allocations: [
    ...["Total Tokens", "Available Tokens", "Used This Month", "Active Allocations", "Current Allocations"],
    ...["Usage History", "Generator", "Tokens Used", "Date", "Remaining"],
  ],
  usage: [
    ...["Surplus Fluctuation Chart", "Consumption Chart", "Consumption Events Table", "Created", "User ID", "Amount"],
    ...["Resource Type", "Pool Category", "I/O Type", "Request ID", "Endpoint", "Allocated", "Surplus", "Hybrid"],
  ],
  pricing: [
    ...["Current Pricing", "Estimated Usage Remaining", "Image Processing", "Input Tokens"],
    ...["Completion Tokens", "Cached Tokens", "Image Searches", "AI Input Tokens", "AI Completion Tokens"],
    "AI Cached Tokens",
  ],
  prices: ["Update Pricing"],
};

/** Sentences of which a message may have more around it. */
const SAID: Record<string, string[]> = {
  overview: [
    "Balance has dropped below the warning threshold; ask your platform admin to top up before it runs out",
    "Balance has fallen below the minimum reserve; AI replies are paused until a new pack is granted",
    "When AI stops, top up to resume",
  ],
  playground: [
    "ask your platform admin to top up before it runs out",
    "AI replies are paused until a new pack is granted",
    "When AI stops, top up to resume",
  ],
  ledger: ["Usage Ledger"],
};

const english = (page: string) => files[page === "ui" ? "./en.json" : `../../pages/${page}/words/en.json`] ?? "";

test.each(Object.entries(OWN))("%s has the users' own words", (page, words) => {
  expect(words.filter((word) => !english(page).includes(`": "${word}"`))).toEqual([]);
});

test.each(Object.entries(SAID))("%s says the users' own sentences", (page, sentences) => {
  expect(sentences.filter((sentence) => !english(page).includes(sentence))).toEqual([]);
});
