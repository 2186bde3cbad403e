"""The dashboard as it is served: what browsers may keep, what they may run, and that nothing else is to be had."""

import gzip
import re
from pathlib import Path

import pytest
from yarl import URL

from tests.conftest import Start
from tests.integration.api.asking import Api, Reply

SCRIPT = b"console.log('farebox');" * 50
PAGE = (
    '<!doctype html><meta property="csp-nonce" nonce="__CSP_NONCE__"><script src="/dashboard/assets/main-1a2b.js">'
    '</script><style nonce="__CSP_NONCE__"></style>'
)


@pytest.fixture
def static(tmp_path: Path) -> Path:
    """A build, as vite leaves it, beside a file that is nobody's business."""
    folder = tmp_path / "static"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text(PAGE)
    (folder / "index.html.gz").write_bytes(gzip.compress(PAGE.encode()))
    (folder / "favicon.svg").write_text("<svg/>")
    (folder / "assets" / "main-1a2b.js").write_bytes(SCRIPT)
    (folder / "assets" / "main-1a2b.js.gz").write_bytes(gzip.compress(SCRIPT))
    (tmp_path / "secret.txt").write_text("the admin key")
    return folder


@pytest.fixture
async def site(start: Start, static: Path) -> Api:
    """A gateway with that build."""
    return Api(await start(static=static))


async def get(api: Api, path: str, **headers: str) -> Reply:
    """Get a path as it is written, with nothing put in order or unpacked by the client."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    url = URL(str(api.client.make_url("/")).rstrip("/") + path, encoded=True)
    async with api.client.session.get(url, headers=named, auto_decompress=False) as response:
        return Reply(
            response.status, await response.read(), {key.lower(): value for key, value in response.headers.items()}
        )


def policy_of(reply: Reply) -> dict[str, set[str]]:
    """Return the sources of each directive."""
    directives = (part.split() for part in reply.headers["content-security-policy"].split(";"))
    return {name: set(sources) for name, *sources in directives}


@pytest.mark.parametrize(
    "path", ["/dashboard", "/dashboard/", "/dashboard/sign-in", "/dashboard/ledger/0199-x", "/dashboard/index.html"]
)
async def test_every_page_of_the_app_is_its_index(site: Api, path: str) -> None:
    reply = await get(site, path)
    assert reply.status == 200
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert reply.headers["cache-control"] == "no-cache"
    assert b"/dashboard/assets/main-1a2b.js" in reply.body


async def test_a_page_has_a_strict_policy_and_a_nonce_of_its_own(site: Api) -> None:
    nonces = set()
    for _ in range(2):
        reply = await get(site, "/dashboard/", Accept_Encoding="gzip")
        (nonce,) = set(re.findall(rb'nonce="(.*?)"', reply.body))
        nonces.add(nonce)
        assert policy_of(reply) == {
            "default-src": {"'none'"},
            "script-src": {"'self'"},
            "style-src": {"'self'", f"'nonce-{nonce.decode()}'"},
            "img-src": {"'self'", "data:"},
            "font-src": {"'self'"},
            "connect-src": {"'self'"},
            "base-uri": {"'none'"},
            "form-action": {"'self'"},
            "frame-ancestors": {"'none'"},
        }
        assert "etag" not in reply.headers  # "not modified" would leave the last nonce in the page
    assert len(nonces) == 2
    assert all(len(nonce) >= 22 for nonce in nonces)


@pytest.mark.parametrize("path", ["/dashboard/", "/dashboard/favicon.svg", "/dashboard/assets/main-1a2b.js"])
async def test_browsers_are_told_to_be_careful(site: Api, path: str) -> None:
    headers = (await get(site, path)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "camera=()" in headers["permissions-policy"]
    assert "default-src 'none'" in headers["content-security-policy"]


async def test_what_has_a_digest_in_its_name_is_kept_for_ever(site: Api) -> None:
    asset = await get(site, "/dashboard/assets/main-1a2b.js", Accept_Encoding="identity")
    assert (asset.body, asset.headers["content-type"]) == (SCRIPT, "text/javascript; charset=utf-8")
    assert asset.headers["cache-control"] == "public, max-age=31536000, immutable"
    icon = await get(site, "/dashboard/favicon.svg")
    assert (icon.headers["content-type"], icon.headers["cache-control"]) == ("image/svg+xml", "no-cache")


async def test_what_a_browser_has_is_not_sent_again(site: Api) -> None:
    first = await get(site, "/dashboard/favicon.svg")
    again = await get(site, "/dashboard/favicon.svg", If_None_Match=f'W/{first.headers["etag"]}, "other"')
    assert (again.status, again.body, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert (await get(site, "/dashboard/favicon.svg", If_None_Match='"other"')).status == 200


async def test_packed_files_are_sent_to_who_takes_them(site: Api, static: Path, start: Start) -> None:
    path = "/dashboard/assets/main-1a2b.js"
    packed = await get(site, path, Accept_Encoding="br;q=1, gzip")
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == SCRIPT
    plain = await get(site, path, Accept_Encoding="gzip;q=0")
    assert (plain.body, plain.headers["vary"]) == (SCRIPT, "Accept-Encoding")
    assert plain.headers["etag"] != packed.headers["etag"]
    (static / "assets" / "main-1a2b.js.br").write_bytes(b"brotli")
    both = Api(await start(static=static))
    assert (await get(both, path, Accept_Encoding="gzip, br")).body == b"brotli"
    assert (await get(both, path + ".br")).status == 404


@pytest.mark.parametrize(
    "path",
    [
        "../secret.txt", "%2e%2e/secret.txt", "..%2fsecret.txt", "assets/../../secret.txt",
        "assets/%2e%2e/%2e%2e/secret.txt",
        "..%5csecret.txt", "/etc/passwd", "%2fetc%2fpasswd", "assets/..%2f..%2fsecret.txt", "%00", "....//secret.txt",
    ],
)  # fmt: skip
async def test_no_path_leads_out_of_the_build(site: Api, path: str) -> None:
    reply = await get(site, f"/dashboard/{path}")
    assert b"the admin key" not in reply.body
    assert b"root:" not in reply.body
    assert reply.status == 404 or b"<!doctype html>" in reply.body


async def test_an_asset_that_is_gone_is_not_found(site: Api) -> None:
    """The page of a new build would be taken for a script of the last one."""
    assert (await get(site, "/dashboard/assets/main-0000.js")).status == 404


async def test_the_published_balance_beats_the_app(site: Api) -> None:
    account_id = await site.account()
    path = "/dashboard/user/token-management/balance"
    assert (await site.ask("GET", path, headers=await site.key(account_id))).body["success"] is True
    assert (await site.ask("GET", path, headers={})).status == 401


async def test_without_a_build_a_page_says_how_to_make_one(api: Api) -> None:
    for path in ("/dashboard", "/dashboard/packs"):
        reply = await get(api, path)
        assert reply.status == 200
        assert b"dashboard/build.py" in reply.body
        assert policy_of(reply)["default-src"] == {"'none'"}
        assert "script-src" not in policy_of(reply)


async def test_the_root_leads_to_the_dashboard(site: Api) -> None:
    url = site.client.make_url("/")
    async with site.client.session.get(url, allow_redirects=False) as response:
        assert (response.status, response.headers["location"]) == (302, "/dashboard")
