"""What can keep the exporter from running.

ExporterError
└── CannotListen   the address is taken, not allowed, or not one of this host
"""

from __future__ import annotations


class ExporterError(Exception):
    """The exporter cannot do its work."""


class CannotListen(ExporterError):
    """The exporter's address is taken, not allowed, or not one of this host."""
