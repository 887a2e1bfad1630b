"""Every mutation that is kept."""

from __future__ import annotations

from tests.builders.mutations.searching import SEARCHING
from tests.builders.mutations.submitting import SUBMITTING
from tests.builders.mutations.writing import WRITING

MUTATIONS = {mutation.name: mutation for mutation in (*SEARCHING, *SUBMITTING, *WRITING)}
