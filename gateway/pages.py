"""The dashboard, and where it is not built a page that says where things are."""

from aiohttp import web

from gateway.openapi.operation import operation
from gateway.site import HEADERS, SITE

PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Farebox</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:42rem;margin:3rem auto;padding:0 1rem;
color-scheme:light dark}
code{background:#8882;padding:.1em .3em;border-radius:.3em}</style>
<h1>Farebox</h1>
<p>The dashboard is not built here: <code>python dashboard/build.py</code> builds it, as <code>./run</code> does; then
start the gateway again.</p>
<p>This gateway meters tokens. Point your OpenAI client at <code>/v1</code> with an account key.</p>
<ul>
<li><code>POST /v1/chat/completions</code>, <code>GET /v1/models</code>: for applications</li>
<li><code>GET /api/v1/balance</code>, <code>packs</code>, <code>ledger</code>, <code>events</code>: for members,
with the same key</li>
<li><code>/admin/v1/accounts</code>, <code>packs</code>, <code>keys</code>, <code>ledger</code>, <code>events</code>,
<code>audit</code>: for platform admins, with the admin key</li>
<li><a href="/metrics"><code>/metrics</code></a>, <a href="/healthz"><code>/healthz</code></a>,
<a href="/readyz"><code>/readyz</code></a></li>
</ul>
</html>
"""
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


@operation("getDashboard", "The dashboard", media="text/html")
async def handle_dashboard(request: web.Request) -> web.Response:
    """Serve GET /dashboard."""
    return _answer(request, "")


@operation("getDashboardFile", "A file of the dashboard, or one of its pages", media="text/html")
async def handle_file(request: web.Request) -> web.Response:
    """Serve GET /dashboard/{path}."""
    return _answer(request, request.match_info["path"])


def _answer(request: web.Request, path: str) -> web.Response:
    site = request.app.get(SITE)
    if site is not None:
        return site.answer(path, request.headers)
    headers = {**HEADERS, "Content-Security-Policy": POLICY, "Cache-Control": "no-cache"}
    return web.Response(text=PAGE, content_type="text/html", headers=headers)


@operation("getRoot", "On to the dashboard", status=302, media="")
async def handle_root(_: web.Request) -> web.Response:
    """Serve GET /: on to the dashboard."""
    return web.Response(status=302, headers={"Location": "/dashboard"})
