"""Logging: short lines on the console, JSON lines in the data folder, secrets in neither."""

import json
import logging
import logging.config
import os
import re
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

request_id: ContextVar[str] = ContextVar("request_id", default="")

_REDACTED = "***"
_SENSITIVE = re.compile(
    r"""(?ix)
    (\b(?:secret|password|api_secret|access_token|request_token|refresh_token|enctoken|
        checksum|crypto_keys|secret_key)\b\\*["']?\s*[:=]\s*\\*["']?)   # a named value …
    ([^\s"'&,}\\]+)
    |(\btoken\s+\w+:)(\S+)                                        # … or Kite's header
    |(/decide/)([^\s/"'\\]+)                                      # … or a link of a notice
    """
)
# Log injection: a line stays one line.
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), 127) if code not in (9, 10)}
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def redact(text: str) -> str:
    """`text` without the values of secrets."""

    def blank(match: re.Match[str]) -> str:
        return (match.group(1) or match.group(3) or match.group(5)) + _REDACTED

    return _SENSITIVE.sub(blank, text)


class ConsoleFormatter(logging.Formatter):
    """Time, level, message. Only our own tracebacks span lines."""

    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage().translate(_CONTROL).replace("\n", "\\n")
        at = datetime.fromtimestamp(record.created, UTC).astimezone().strftime("%H:%M:%S")
        line = f"{at} {record.levelname:<7} {record.name}: {message}"
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return redact(line)


class JsonFormatter(logging.Formatter):
    """One JSON object a line, with whatever was passed as `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if current := request_id.get():
            entry["request_id"] = current
        entry |= {key: value for key, value in vars(record).items() if key not in _STANDARD}
        entry.pop("request", None)
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return redact(json.dumps(entry, default=str, ensure_ascii=False))


def configure(_: dict[str, Any]) -> None:
    """Django's LOGGING_CONFIG hook. Each process writes its own file, named by ST_PROCESS."""
    from django.conf import settings

    directory = settings.ST.DATA_DIR / "logs"
    directory.mkdir(mode=0o700, exist_ok=True)
    process = re.sub(r"[^a-z0-9-]", "", os.environ.get("ST_PROCESS", "manage").lower())
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "console": {"()": "sigmatrader.logs.ConsoleFormatter"},
                "json": {"()": "sigmatrader.logs.JsonFormatter"},
            },
            "handlers": {
                "console": {
                    "class": "logging.StreamHandler",
                    "formatter": "console",
                    # In the demo the console tells the day; the files have everything.
                    "level": "WARNING" if settings.ST.ENVIRONMENT == "demo" else "INFO",
                },
                "file": {
                    "class": "logging.handlers.RotatingFileHandler",
                    "filename": str(directory / f"{process or 'manage'}.jsonl"),
                    "maxBytes": 10_000_000,
                    "backupCount": 5,
                    "delay": True,
                    "formatter": "json",
                },
            },
            "root": {"handlers": ["console", "file"], "level": "INFO"},
            "loggers": {
                "django": {"level": "WARNING"},
                "django.request": {"level": "ERROR"},
                "django.server": {"level": "WARNING"},
                # Anybody can send a wrong Host header; the answer is a 400 and no news.
                "django.security.DisallowedHost": {"handlers": [], "propagate": False},
                "axes": {"level": "WARNING"},
                "urllib3": {"level": "WARNING"},
            },
        }
    )
