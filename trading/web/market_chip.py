"""How the market stands, as the header says it: a word, and what changes next."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sigmatrader import clock
from trading.domain.market import MarketFacts, MarketState, market_facts, market_words
from trading.domain.session import auction_on, trading_day
from trading.domain.values import Product
from trading.services import calendar

_EXCHANGE: Final = "NSE"
_ALSO: Final = "MCX"
_DAY: Final = timedelta(days=1)
_WEEK: Final = timedelta(days=6)


@dataclass(frozen=True, slots=True)
class MarketChip:
    """`tone`: open, soon, shut or doubt. At `at` it `next`s (opens, closes, ends); None: nobody
    knows. `when`: that moment in words where it is too far to count down to. `words`: all of it,
    for other exchanges too."""

    word: str
    tone: str
    words: str
    next: str = ""
    at: datetime | None = None
    when: str = ""

    @property
    def exchange(self) -> str:
        return _EXCHANGE


def market_chip(now: datetime) -> MarketChip:
    """How shares trade at `now`."""
    known = calendar.current()
    words = " · ".join(market_words(known, one, now) for one in (_EXCHANGE, _ALSO))
    facts = market_facts(known, _EXCHANGE, Product.CNC, now)
    if not facts.covered:
        return MarketChip("not known", "doubt", words)
    auction = auction_on(_EXCHANGE, trading_day(now), known)
    if auction is not None and auction.contains(now):
        return MarketChip("closing auction", "soon", words, "ends", auction.closes_at)
    if facts.state is MarketState.OPEN:
        return MarketChip("open", "open", words, "closes", facts.closes_at)
    if facts.state is MarketState.PRE_OPEN:
        return MarketChip("pre-open", "soon", words, "opens", facts.next_opens_at)
    opens = facts.next_opens_at
    return MarketChip(_closed_word(facts), "shut", words, "opens", opens, _far(opens, now))


def _closed_word(facts: MarketFacts) -> str:
    if facts.state is not MarketState.HOLIDAY:
        return "closed"
    return f"holiday: {facts.note}" if facts.note else "holiday"


def _far(at: datetime, now: datetime) -> str:
    """`at` in words; empty when it is less than a day away."""
    local = at.astimezone(clock.IST)
    if at - now < _DAY:
        return ""
    return f"{local:%a %H:%M}" if local.date() - trading_day(now) <= _WEEK else f"{local:%d %b}"
