"""A browser without a window: follows redirects, keeps cookies, remembers what it was shown."""

import http.cookiejar
import re
import urllib.parse
import urllib.request


class Browser:
    """Follows redirects and keeps cookies; `texts` is everything that was shown."""

    def __init__(self) -> None:
        jar = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(jar)
        )
        self.texts: list[str] = []

    def open(self, address: str, values: dict[str, str] | None = None) -> str:
        """The page at the end of the redirects; its address is in `self.address`."""
        data = None if values is None else urllib.parse.urlencode(values).encode()
        with self._opener.open(address, data, timeout=30) as answer:
            self.address = answer.url
            self.headers = str(answer.headers)
            page = answer.read().decode()
        self.texts += [page, self.headers, self.address]
        return page


def csrf(page: str) -> dict[str, str]:
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert found is not None
    return {"csrfmiddlewaretoken": found[1]}
