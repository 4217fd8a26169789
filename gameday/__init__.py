"""Chaos experiments and game days for AWS ECS and RDS, with verdicts that need proof."""

__version__ = "0.1.0"
