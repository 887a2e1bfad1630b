"""The providers behind one port. No vendor word leaves an adapter; no key leaves `providers.http`."""
