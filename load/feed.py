"""Members of FoodConnect: most read the feed, some post, some log in."""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

from load.arrivals import PLAN, OpenLoop


class Feed(OpenLoop):
    """Seven of ten read the newest posts; the rest post and log in."""

    steps: ClassVar[dict[str, int]] = {"read_feed": 70, "create_post": 15, "log_in": 15}

    def read_feed(self, number: int) -> tuple[int, str]:
        """Read the 20 newest posts."""
        return self.request("GET", "/posts?limit=20", "read_feed")

    def create_post(self, number: int) -> tuple[int, str]:
        """Post once; the key makes a repeated post the same post."""
        key = f"{PLAN['run']}-{number}"
        post = {"author": 1 + number % 50, "title": key, "body": "A table for two. " * 4}
        return self.write(key, "POST", "/posts", "create_post", json=post, headers={"Idempotency-Key": key})

    def log_in(self, number: int) -> tuple[int, str]:
        """Log in as one of the seeded members."""
        who = number % 50
        form = {"email": f"user{who}@foodconnect.test", "password": f"pw{who}"}
        return self.request("POST", "/login", "log_in", json=form)

    def find_writes(self) -> Counter[str]:
        """Read this run's posts back, page by page, newest first."""
        found: Counter[str] = Counter()
        before = ""
        while True:
            page = self.client.get(f"/posts?title_prefix={PLAN['run']}-&limit=500{before}", name="read_back").json()
            found.update(post["title"] for post in page)
            if len(page) < 500:
                return found
            before = f"&before={page[-1]['id']}"
