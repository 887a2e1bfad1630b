"""What can go wrong with rows.

    RowsError
    ├── InputError              the list as it is cannot be used; nothing was spent
    │   ├── InputNotFound         there is no such file
    │   ├── OutsideRoots          the file is not in a folder that may be read
    │   ├── OutsideStorage        the URL is not one of the storage's folder for inputs
    │   ├── HostNotAllowed        the URL is on a host that may not be read from
    │   ├── InputUnreadable       the file is there, but cannot be read
    │   ├── InputChanged          the file is not the one that was staged
    │   ├── NotPullable           the provider is to pull it, and it does not hold just what is to be sent
    │   ├── NotText               a spreadsheet, an archive or other binary data
    │   ├── CompressionDamaged    compressed with gzip, and it cannot be decompressed
    │   ├── NotAList              a web page or another document that is text
    │   ├── EncodingUnclear       not the encoding it should be
    │   ├── DelimiterUnclear      it cannot be told how rows split into cells
    │   ├── HeaderUnclear         the row that should name the columns holds a value
    │   ├── QuoteOpen             a quoted cell never ends
    │   ├── ColumnNotFound        the column to verify is not there
    │   ├── ColumnUnclear         more than one column could be the one to verify
    │   ├── WrongKind             the only column holds something else than the kind of the request
    │   ├── NoValues              there is nothing in it to verify
    │   ├── InputTooLarge         more bytes than allowed
    │   ├── TooManyRows           more rows than allowed
    │   ├── TooManyColumns        more columns than allowed
    │   ├── CellTooLarge          a cell or row larger than allowed
    │   └── FoldTooLarge          finding equal values takes more memory than allowed
    ├── SplitDiffers            the list was split into other parts before, which may be paid for
    ├── SourceUnavailable       the host of a list cannot be reached, or not in time; trying again may help
    ├── CollectedUnreadable     a file of collected verdicts is damaged
    ├── RowIndexDamaged         a row index is not the one of its input; it can be made again
    ├── StagedOtherwise         staging an input again gives other parts than those that were sent
    ├── ValuesDamaged           the values of a part are not those that were staged; nothing was spent
    ├── ManifestUnreadable      a manifest is damaged or of a later version
    ├── ResultUnreadable        a result is damaged or of a later version
    └── ScratchFailed           the private folder for intermediate files failed; trying again may help

Messages name the file, line, row or column, and what to do; never a value.
"""

from __future__ import annotations

from typing import ClassVar


class RowsError(Exception):
    """Rows could not be read or written. The message says which input, where in it, and what to do."""

    #: A bounded word for logs, metrics and records.
    reason: ClassVar[str] = "rows_error"
    #: Whether the same call may succeed later without anybody changing the input.
    retryable: ClassVar[bool] = False


class InputError(RowsError):
    """The list as it is cannot be used; nothing was spent."""

    reason = "input"


class InputNotFound(InputError):
    """There is no such file."""

    reason = "not_found"


class OutsideRoots(InputError):
    """The file is not in a folder that may be read."""

    reason = "outside_roots"


class OutsideStorage(InputError):
    """The URL is not one of the storage's folder for inputs."""

    reason = "url_outside_storage"


class HostNotAllowed(InputError):
    """The URL is on a host that may not be read from."""

    reason = "host_not_allowed"


class InputUnreadable(InputError):
    """The file is there, but cannot be read."""

    reason = "unreadable"


class InputChanged(InputError):
    """The file is not the one that was staged."""

    reason = "changed"


class NotPullable(InputError):
    """The provider is to pull it, and it does not hold just what is to be sent."""

    reason = "not_pullable"


class NotText(InputError):
    """A spreadsheet, an archive or other binary data."""

    reason = "binary"


class CompressionDamaged(InputError):
    """Compressed with gzip, and it cannot be decompressed."""

    reason = "compression"


class NotAList(InputError):
    """A web page or another document that is text; each line of it would be verified, and paid for."""

    reason = "not_a_list"


class EncodingUnclear(InputError):
    """Not the encoding it should be."""

    reason = "encoding"


class DelimiterUnclear(InputError):
    """It cannot be told how rows split into cells."""

    reason = "delimiter"


class HeaderUnclear(InputError):
    """The row that should name the columns holds a value."""

    reason = "header"


class QuoteOpen(InputError):
    """A quoted cell never ends."""

    reason = "quote"


class ColumnNotFound(InputError):
    """The column to verify is not there."""

    reason = "column_not_found"


class ColumnUnclear(InputError):
    """More than one column could be the one to verify."""

    reason = "column_unclear"


class WrongKind(InputError):
    """The only column holds something else than the kind of the request; each value of it would be paid for."""

    reason = "wrong_kind"


class NoValues(InputError):
    """There is nothing in it to verify."""

    reason = "empty"


class InputTooLarge(InputError):
    """More bytes than allowed."""

    reason = "too_large"


class TooManyRows(InputError):
    """More rows than allowed."""

    reason = "too_many_rows"


class TooManyColumns(InputError):
    """More columns than allowed."""

    reason = "too_many_columns"


class CellTooLarge(InputError):
    """A cell or row larger than allowed."""

    reason = "cell_too_large"


class FoldTooLarge(InputError):
    """Finding equal values takes more memory than allowed."""

    reason = "fold_too_large"


class SplitDiffers(RowsError):
    """A list of this upload was split into other parts before, which may be paid for."""

    reason = "split_differs"


class SourceUnavailable(RowsError):
    """The host of a list cannot be reached, or not in time; trying again may help."""

    reason = "source_unavailable"
    retryable = True


class CollectedUnreadable(RowsError):
    """A file of collected verdicts is damaged."""

    reason = "collected"


class RowIndexDamaged(RowsError):
    """A row index is not the one of its input; it can be made again."""

    reason = "row_index"
    retryable = True


class StagedOtherwise(RowsError):
    """Staging an input again gives other parts than those that were sent."""

    reason = "staged_otherwise"


class ValuesDamaged(RowsError):
    """The values of a part are not those that were staged; nothing was spent."""

    reason = "values_damaged"


class ManifestUnreadable(RowsError):
    """A manifest is damaged or of a later version."""

    reason = "manifest"


class ResultUnreadable(RowsError):
    """A result is damaged or of a later version."""

    reason = "result"


class ScratchFailed(RowsError):
    """The private folder for intermediate files failed; trying again may help."""

    reason = "scratch"
    retryable = True
