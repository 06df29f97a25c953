"""What the store raises, whichever the database; no driver's own error ever leaves this package.

StoreError
├ StoreUnavailable    the disk, the server or a lock refused: try again later
├ StoreCorrupt        the file or the server's pages are damaged: restore a backup
├ IntegrityViolation  a UNIQUE, CHECK, NOT NULL or foreign key constraint refused the rows
├ QueryMisused        an unknown query, a wrong parameter, a transaction used after it failed: a bug of ours
├ MigrationRefused    schema and program do not fit together; the message says what to do
├ BackupRefused       a backup or a restore would lose something, or lacks a tool
└ SealError           sealed content cannot be opened
  ├ UnknownKey        it was sealed with a key that is not in the configuration
  └ SealBroken        it was altered, cut short, or moved from another place
"""

from tchap_bridges.errors import NotReady


class StoreError(Exception):
    """Something went wrong in the store, and trying again will not help."""


class StoreUnavailable(StoreError, NotReady):
    """The database cannot be reached or written to for now: server gone, disk full, I/O error, lock not had in time.

    Raised by a statement, it means that nothing was committed. Raised by the commit itself while the server vanished,
    the outcome is unknown (the answer may be what was lost): what is tried again must be unique by key.
    """


class StoreCorrupt(StoreError):
    """The database is damaged. Stop, keep the files for an inquiry, and restore a backup."""


class IntegrityViolation(StoreError):
    """A constraint of the schema refused the rows."""


class QueryMisused(StoreError):
    """A query was called by a name, with parameters or at a moment that it does not have. A bug in the caller."""


class MigrationRefused(StoreError):
    """The schema in the database and the migrations of this program do not fit together."""


class BackupRefused(StoreError):
    """A backup or a restore was not done, and nothing was changed."""


class SealError(StoreError):
    """Sealed content cannot be opened."""


class UnknownKey(SealError):
    """The content was sealed with a key that this sealer does not hold."""


class SealBroken(SealError):
    """The content is not what was sealed, or not in the place it was sealed for."""
