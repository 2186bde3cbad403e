"""The page that says where things are, until the dashboard takes its place."""

from aiohttp import web

from gateway.openapi.operation import operation

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
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
}


@operation("getDashboard", "The page that says where things are", media="text/html")
async def handle_dashboard(_: web.Request) -> web.Response:
    """Serve GET /dashboard."""
    return web.Response(text=PAGE, content_type="text/html", headers=HEADERS)


@operation("getRoot", "On to the dashboard", status=302, media="")
async def handle_root(_: web.Request) -> web.Response:
    """Serve GET /: on to the dashboard."""
    raise web.HTTPFound("/dashboard")
