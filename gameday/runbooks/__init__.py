"""Runbooks that stay true: their steps as data, and what in them no longer holds."""

from gameday.runbooks.drift import pages, problems_of
from gameday.runbooks.reading import Command, Runbook, Step, read

__all__ = ["Command", "Runbook", "Step", "pages", "problems_of", "read"]
