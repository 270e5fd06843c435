"""The table of figures, as text and as a page."""

from loadtests.measures import Figures
from loadtests.table import Row, as_page, as_text

COLD = Figures(None, 1234.56, 6.296, 8.75, 10.057, 59.7, 7322, 0, {}, 0.0647)
DEAD = Figures(20.0, 0.0, None, None, None, None, 0, 4040, {"status 503": 4040}, None)
ROWS = [Row("closed loop, cold", COLD, "cold.html"), Row("fixed <rate>", DEAD, "fixed.html")]


def test_the_table_aligns_numbers_and_dashes_what_is_not_known() -> None:
    """One line a phase; an offered rate of a closed loop and latencies of no answer are dashes, never zeros."""
    assert as_text(ROWS) == (
        "phase              offered QPS  served QPS  p50 ms  p95 ms  p99 ms  errors  hit rate\n"
        "closed loop, cold            -     1,234.6    6.30    8.75   10.06       0      6.5%\n"
        "fixed <rate>              20.0         0.0       -       -       -   4,040         -"
    )


def test_the_page_holds_the_same_figures_escaped_and_links_to_each_report() -> None:
    """Text is never markup."""
    page = as_page(ROWS, "1,234 articles & 8 users", ["4,040 x status <503>"])
    assert '<a href="cold.html">closed loop, cold</a></td><td>-</td><td>1,234.6</td>' in page
    assert "fixed &lt;rate&gt;" in page
    assert "1,234 articles &amp; 8 users" in page
    assert "<p>4,040 x status &lt;503&gt;</p>" in page
