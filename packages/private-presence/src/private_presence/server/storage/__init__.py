"""What a registrar keeps, on SQLite or PostgreSQL."""

from private_presence.server.storage.copies import backup, restore
from private_presence.server.storage.group import Group
from private_presence.server.storage.open import open_storage
from private_presence.server.storage.storage import Storage
from private_presence.server.storage.table_state import TableState

__all__ = ["Group", "Storage", "TableState", "backup", "open_storage", "restore"]
