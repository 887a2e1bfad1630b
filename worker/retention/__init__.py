"""Nothing grows for ever: ended uploads are purged, files that nobody needs are removed. May use all but commands."""
