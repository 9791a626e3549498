"""The admin's front page: what is there, in groups, with a line on each."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Line:
    """A model of the admin: its label, the name on the page and what it is for."""

    model: str
    name: str
    about: str


GROUPS: tuple[tuple[str, str, tuple[Line, ...]], ...] = (
    (
        "Set up",
        "What you decide. Every change is kept with who made it.",
        (
            Line(
                "trading.Strategy",
                "Strategies",
                "Named as in their alerts: who decides, with whose money, what else.",
            ),
            Line(
                "risk.RiskSettings",
                "Limits",
                "For everything and for single strategies: size, price, exposure, loss, pace.",
            ),
            Line(
                "risk.ProductSchedule",
                "Schedules",
                "For MIS and the others: when no entry is taken any more, when all is closed.",
            ),
            Line(
                "brokers.BrokerConnection",
                "Connections",
                "Accounts at Zerodha and on paper: credentials, the default, the broker's pace.",
            ),
            Line(
                "trading.WebhookSecret",
                "Webhook secrets",
                "Which secrets open the webhook, and until when. Their values are on Settings.",
            ),
            Line(
                "trading.NoticeChannel",
                "Notice channels",
                "Where notices go, about what, and when they keep quiet.",
            ),
        ),
    ),
    (
        "Markets",
        "What the exchanges and the broker say, where you know better or sooner.",
        (
            Line("trading.MarketDay", "Market days", "Holidays and special sessions."),
            Line("trading.MarketHours", "Market hours", "Ordinary sessions, and how far ahead."),
            Line(
                "trading.SymbolOverride",
                "Symbol overrides",
                "What an alert's symbol stands for, where the list does not tell.",
            ),
            Line(
                "trading.ContractRule",
                "Contract rules",
                "Largest order and worth of a lot, where the list does not tell.",
            ),
            Line(
                "trading.ChargeRate",
                "Charges",
                "Brokerage, taxes and fees by segment, from the day they hold.",
            ),
            Line("trading.Instrument", "Instruments", "Zerodha's list of the day."),
            Line("trading.InstrumentLoad", "Instrument loads", "When the list was read."),
        ),
    ),
    (
        "Records",
        "What happened. To read, never to change.",
        (
            Line("trading.Alert", "Alerts", "As they came, and what was read in them."),
            Line("trading.Order", "Orders", "With their events, attempts and fills."),
            Line("trading.OrderEvent", "Order events", "Every change, by whom and why."),
            Line("trading.OrderAttempt", "Attempts", "Each call that sent an order."),
            Line("trading.Fill", "Fills", "What was traded, at what price."),
            Line("trading.Trigger", "Triggers", "GTTs that rest at the broker, or did."),
            Line("trading.Position", "Positions", "What our fills add up to."),
            Line(
                "trading.ClosedTrade", "Trades", "Entries matched with exits, first in first out."
            ),
            Line("trading.Settlement", "Expired contracts", "What was open, and at what it ended."),
            Line("trading.OrderCharges", "Broker's charges", "What an order cost by its word."),
            Line("trading.ChargesRead", "Days of charges", "When the broker was asked for them."),
            Line("trading.BookEntry", "Broker's book", "The broker's orders, day by day."),
            Line("risk.RiskSettingsChange", "Changes of limits", "Who changed what, and why."),
            Line("risk.TradingState", "Trading states", "What holds now; change it on Risk."),
            Line("risk.TradingStateChange", "Changes of the state", "Halts and resumes."),
            Line("risk.Breaker", "Breakers", "What opened, and how it closed."),
            Line("risk.SquareOff", "Square-offs", "What was closed, and how it went."),
            Line("trading.Notice", "Notices", "What was sent where, and what could not be."),
            Line("trading.WorkerHeartbeat", "Workers", "Which run, and when they last beat."),
        ),
    ),
    (
        "Paper account",
        "The play money's own book.",
        (
            Line("brokers.PaperOrder", "Paper orders", "As the paper broker has them."),
            Line("brokers.PaperTrade", "Paper trades", "Its fills."),
            Line("brokers.PaperPosition", "Paper positions", "What it holds for you."),
            Line("brokers.PriceTick", "Prices", "The last ones known, and whose word they are."),
        ),
    ),
    (
        "People",
        "Who may log in, and do what.",
        (
            Line(
                "auth.User", "Users", "Staff may open this admin; rights say what they may change."
            ),
            Line("auth.Group", "Groups", "Rights for several people at once."),
        ),
    ),
)


def grouped(apps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Django's list of applications as the groups above; what no group names comes last."""
    models = {
        f"{app['app_label']}.{model['object_name']}": model
        for app in apps
        for model in app["models"]
    }
    groups = []
    for name, about, lines in GROUPS:
        shown = [
            {**models.pop(line.model), "name": line.name, "about": line.about}
            for line in lines
            if line.model in models
        ]
        if shown:
            groups.append(_group(name, about, shown))
    if models:
        groups.append(_group("More", "", list(models.values())))
    return groups


def _group(name: str, about: str, models: list[dict[str, Any]]) -> dict[str, Any]:
    return {"name": name, "about": about, "models": models}
