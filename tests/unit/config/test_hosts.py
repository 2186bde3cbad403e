"""URLs that name several servers."""

import pytest

from config.hosts import Address, ClusterUrl, addresses_of, is_cluster, parse_cluster_url


@pytest.mark.parametrize(
    ("url", "seeds"),
    [
        ("redis+cluster://a", [("a", 6379)]),
        ("redis+cluster://a:7000,b,c:7002/0", [("a", 7000), ("b", 6379), ("c", 7002)]),
        ("redis+cluster://u:p@a:7000,b:7001/", [("a", 7000), ("b", 7001)]),
        ("redis+cluster://[::1]:7000,[::2]", [("::1", 7000), ("::2", 6379)]),
    ],
)
def test_seeds_are_all_addresses(url: str, seeds: list[tuple[str, int]]) -> None:
    assert list(parse_cluster_url(url).seeds) == [Address(*seed) for seed in seeds]


@pytest.mark.parametrize(
    ("url", "username", "password", "tls"),
    [
        ("redis+cluster://a", None, None, False),
        ("rediss+cluster://:p%40ss%2C@a", None, "p@ss,", True),
        ("redis+cluster://me:secret@a", "me", "secret", False),
    ],
)
def test_all_nodes_are_entered_in_one_way(url: str, username: str | None, password: str | None, *, tls: bool) -> None:
    found = parse_cluster_url(url)
    assert found == ClusterUrl((Address("a", 6379),), username, password, tls)
    node = found.of_node(Address("::1", 1))
    assert node.startswith("rediss://" if tls else "redis://")
    assert node.endswith("[::1]:1/0")
    assert parse_cluster_url(node.replace("://", "+cluster://")) == found._replace(seeds=(Address("::1", 1),))


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("redis+cluster://a:7000,", "address 2 of 2"),
        ("redis+cluster://a,:7000", "address 2 of 2"),
        ("redis+cluster://a:port", "address 1 of 1"),
        ("redis+cluster://a:0", "address 1 of 1"),
        ("redis+cluster://a:70000,b", "address 1 of 2"),
        ("redis+cluster://a/1", "one database only"),
        ("redis+cluster://a?timeout=1", "no options"),
    ],
)
def test_malformed_url_says_where(url: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parse_cluster_url(url)


def test_password_that_was_not_quoted_is_not_repeated() -> None:
    with pytest.raises(ValueError, match="address") as refused:
        parse_cluster_url("redis+cluster://:sec/ret@a")
    assert "sec" not in str(refused.value)


def test_postgres_names_its_replicas_in_the_same_way() -> None:
    url = "postgresql://me:secret@a:5433,b/farebox?target_session_attrs=read-write"
    assert addresses_of(url, port=5432) == (Address("a", 5433), Address("b", 5432))


@pytest.mark.parametrize(("url", "cluster"), [("redis+cluster://a", True), ("redis://a", False), ("unix:///a", False)])
def test_cluster_is_known_by_its_scheme(url: str, *, cluster: bool) -> None:
    assert is_cluster(url) is cluster
