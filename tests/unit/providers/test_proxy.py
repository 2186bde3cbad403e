"""Which way leads to an upstream."""

import pytest

from providers.proxy import Origin, Proxies, Proxy, parse_proxy

PROXY = Origin("http", "proxy.test", 3128)


@pytest.mark.parametrize(
    ("url", "origin", "authorization"),
    [
        ("http://proxy.test:3128", PROXY, None),
        ("proxy.test:3128", PROXY, None),
        ("http://proxy.test", PROXY._replace(port=80), None),
        ("https://proxy.test", Origin("https", "proxy.test", 443), None),
        ("http://[::1]:3128/", PROXY._replace(host="::1"), None),
        ("http://user:p%40ss@proxy.test:3128", PROXY, b"Basic dXNlcjpwQHNz"),
        ("http://token@proxy.test:3128", PROXY, b"Basic dG9rZW46"),
    ],
)
def test_proxy_url(url: str, origin: Origin, authorization: bytes | None) -> None:
    assert parse_proxy(url) == Proxy(origin=origin, authorization=authorization)


@pytest.mark.parametrize(
    "url", ["socks5://user:secret@proxy.test", "http://", "http://proxy.test:port", "http://u:secret/@p", "://"]
)
def test_url_that_is_no_proxy_is_an_error_without_the_password(url: str) -> None:
    with pytest.raises(ValueError, match=r".") as raised:
        parse_proxy(url)
    assert "secret" not in str(raised.value)


def test_repr_holds_no_password() -> None:
    assert "dXNlcjpwQHNz" not in repr(parse_proxy("http://user:p%40ss@proxy.test:3128"))


def way(url: str, no_proxy: str = "") -> str | None:
    scheme, _, rest = url.partition("://")
    host, _, port = rest.rpartition(":")
    proxies = Proxies(
        https_proxy="http://secure.test", environ={"HTTP_PROXY": "http://plain.test", "NO_PROXY": no_proxy}
    )
    proxy = proxies.of(Origin(scheme, host.strip("[]"), int(port)))
    return proxy.origin.host if proxy else None


@pytest.mark.parametrize(
    ("url", "no_proxy", "host"),
    [
        ("https://api.test:443", "", "secure.test"),
        ("http://api.test:80", "", "plain.test"),
        ("http://localhost:8000", "", None),
        ("https://127.0.0.3:8000", "", None),
        ("http://[::1]:8000", "", None),
        ("https://api.test:443", "*", None),
        ("https://api.test:443", "api.test", None),
        ("https://API.test:443", "other.test, .Test", None),
        ("https://eu.api.test:443", "api.test", None),
        ("https://eu.api.test:443", "*.api.test", None),
        ("https://myapi.test:443", "api.test", "secure.test"),
        ("https://api.test:443", "api.test:443", None),
        ("https://api.test:8443", "api.test:443", "secure.test"),
        ("http://10.1.2.3:8000", "10.0.0.0/8", None),
        ("http://11.1.2.3:8000", "10.0.0.0/8", "plain.test"),
        ("http://10.1.2.3:8000", "10.0.0.0/eight", "plain.test"),
        ("http://110.1.2.3:8000", "10.1.2.3", "plain.test"),
        ("http://1.10.1.2:8000", "10.1.2", "plain.test"),
        ("http://[fd00::1]:8000", "fd00::/8", None),
        ("http://[fd00::1]:8000", "[fd00::1]:8000", None),
        ("http://[fd00::1]:8000", "fd00::1", None),
    ],
)
def test_way_to_an_origin(url: str, no_proxy: str, host: str | None) -> None:
    assert way(url, no_proxy) == host


def test_without_proxies_everything_is_direct() -> None:
    proxies = Proxies(https_proxy=None, environ={})
    assert proxies.of(Origin("https", "api.test", 443)) is None
    assert proxies.of(Origin("http", "api.test", 80)) is None


def test_tunnel_is_asked_for_by_authority() -> None:
    proxy = parse_proxy("http://user:p%40ss@proxy.test")
    assert proxy.connect(Origin("https", "fd00::1", 443)) == (
        b"CONNECT [fd00::1]:443 HTTP/1.1\r\nHost: [fd00::1]:443\r\nProxy-Authorization: Basic dXNlcjpwQHNz\r\n\r\n"
    )
    assert parse_proxy("proxy.test").connect(Origin("https", "bücher.test", 443)) == (
        b"CONNECT xn--bcher-kva.test:443 HTTP/1.1\r\nHost: xn--bcher-kva.test:443\r\n\r\n"
    )


def test_absolute_form_keeps_the_rest_of_the_head() -> None:
    proxy = parse_proxy("http://proxy.test")
    head = b"POST /v1/x?y=z HTTP/1.1\r\nHost: api.test\r\nA: b c\r\n\r\n"
    assert proxy.absolute(Origin("http", "api.test", 80), head) == head.replace(b" /v1", b" http://api.test:80/v1")
