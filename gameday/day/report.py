"""x"""

from collections.abc import Mapping
from typing import Any


def render(day: Mapping[str, Any]) -> str:
    """x"""
    return ""
