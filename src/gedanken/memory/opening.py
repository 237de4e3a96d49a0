"""From a path to a connection that may be trusted: made, migrated or refused before anything of it is used."""

from __future__ import annotations

from pathlib import Path

from gedanken.errors import BadMemoryFile
from gedanken.memory import schema
from gedanken.memory.database import Database
from gedanken.memory.facts import check_fingerprint, read_facts, write_facts
from gedanken.memory.forgetting import clean


def opened_to_write(path: Path, fingerprint: str | None, *, cap: int | None, full_sync: bool) -> Database:
    """The memory at `path`, made where there was none, brought to the present schema where it has an older one, and rid of
    what was forgotten if whoever forgot it was killed."""
    database = Database(path, writes=True)
    with database.closed_on_error():
        with database.complaints():
            if not schema.is_empty(database.connection):
                schema.version_of(database.connection, path.name)
        database.begin_log(full_sync=full_sync)
    with database.closed_on_error(), database.transaction() as connection:
        if schema.is_empty(connection):
            schema.create(connection)
        if (version := schema.version_of(connection, path.name)) < schema.SCHEMA:
            schema.migrate(connection, version)
        schema.check_tables(connection, path.name)
        facts = read_facts(connection, path.name)
        check_fingerprint(facts, fingerprint, path.name)
        if facts.fingerprint is None and fingerprint is not None:
            write_facts(connection, fingerprint=fingerprint)
        if cap is not None and (cap or None) != facts.cap:
            write_facts(connection, cap=cap or None)
    with database.closed_on_error():
        if read_facts(database.connection, path.name).unclean:
            clean(database)
    return database


def opened_to_read(path: Path, fingerprint: str | None) -> Database:
    """The memory at `path`, which is left as it is."""
    database = Database(path, writes=False)
    with database.closed_on_error(), database.transaction() as connection:
        if schema.is_empty(connection):
            raise BadMemoryFile(f"{path.name} holds nothing yet; let an agent write to it first.")
        if (version := schema.version_of(connection, path.name)) < schema.SCHEMA:
            raise BadMemoryFile(
                f"{path.name} has schema {version} and this version of gedanken reads {schema.SCHEMA}; open it once for "
                "writing, which brings it forward."
            )
        schema.check_tables(connection, path.name)
        check_fingerprint(read_facts(connection, path.name), fingerprint, path.name)
    return database
