import { createBrowserRouter, Navigate, type RouteObject } from "react-router";
import { RouteFailure } from "../ui/RouteFailure";
import { Waiting } from "../ui/Waiting";
import { AnyAccount, OwnAccount, PlatformAdmins } from "./scopes";
import { Shell } from "./Shell";

/** The pages of one account: the same for its own people and for a platform admin. */
const ofAnAccount: RouteObject[] = [
  { path: "packs", lazy: () => import("../pages/packs") },
  { path: "usage", lazy: () => import("../pages/usage") },
  { path: "ledger", lazy: () => import("../pages/ledger") },
  { path: "ledger/:requestId", lazy: () => import("../pages/request") },
  { path: "allocations", lazy: () => import("../pages/allocations") },
  { path: "pricing", lazy: () => import("../pages/pricing") },
  { path: "keys", lazy: () => import("../pages/keys") },
  { path: "members", lazy: () => import("../pages/members") },
];

const own: RouteObject = {
  element: <OwnAccount />,
  children: [
    { index: true, lazy: () => import("../pages/overview") },
    ...ofAnAccount,
    { path: "playground", lazy: () => import("../pages/playground") },
  ],
};

const admin: RouteObject = {
  path: "admin",
  element: <PlatformAdmins />,
  children: [
    { index: true, element: <Navigate to="/admin/accounts" replace /> },
    { path: "accounts", lazy: () => import("../pages/accounts") },
    {
      path: "accounts/:accountId",
      element: <AnyAccount />,
      children: [
        { index: true, element: <Navigate to="overview" replace /> },
        { path: "overview", lazy: () => import("../pages/overview") },
        ...ofAnAccount,
      ],
    },
    { path: "models", lazy: () => import("../pages/models") },
    { path: "features", lazy: () => import("../pages/features") },
    { path: "prices", lazy: () => import("../pages/prices") },
    { path: "audit-trail", lazy: () => import("../pages/trail") },
    { path: "proof", lazy: () => import("../pages/proof") },
  ],
};

export const router = createBrowserRouter(
  [
    {
      errorElement: <RouteFailure />,
      hydrateFallbackElement: <Waiting />,
      children: [
        { path: "sign-in", lazy: () => import("../pages/sign-in") },
        {
          element: <Shell />,
          children: [
            {
              errorElement: <RouteFailure />,
              children: [own, admin, { path: "*", lazy: () => import("../pages/not-found") }],
            },
          ],
        },
      ],
    },
  ],
  { basename: import.meta.env.BASE_URL },
);
