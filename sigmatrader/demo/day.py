"""The sample day: what the alerts say, where the prices go, what the broker does.

Prices are said relative to the market, which has moved by itself since it opened.
"""

from decimal import Decimal

from sigmatrader.demo.contents import BREAKOUT, PULLBACK, SWING, TREND
from sigmatrader.demo.market import DemoMarket
from sigmatrader.demo.stage import Stage
from trading.domain.order import Status

_CONTINUOUS = "NSE:NIFTY1!"
_LOT = 65
_SENT = (Status.SENT, Status.PARTIALLY_EXECUTED, Status.EXECUTED)


class SampleDay:
    """One run of the day on `stage` and `market`."""

    def __init__(self, stage: Stage, market: DemoMarket) -> None:
        self._stage = stage
        self._market = market
        self._future = market.nearest_future("NIFTY")
        self._stop: int | None = None
        self._resting: int | None = None
        self._trigger: int | None = None

    def play(self) -> None:
        """From the first alert to the square-off. Raises DayStopped."""
        for act in (
            self._open_positions,
            self._leave_orders_at_the_broker,
            self._ask_a_person,
            self._rally,
            self._fill_in_parts,
            self._be_refused,
            self._trade_in_the_app,
            self._let_the_stop_trigger,
            self._let_the_trigger_fire,
            self._take_profit,
            self._square_off,
        ):
            act()
            self._stage.pause(6)

    def _open_positions(self) -> None:
        order = self._market_order(TREND, "NSE:INFY", "BUY", 100)
        self._stage.follow(order, Status.EXECUTED)
        self._stage.pause(4)
        order = self._market_order(TREND, "NSE:TATASTEEL", "SELL", 200)
        self._stage.follow(order, Status.EXECUTED)
        self._stage.pause(4)
        order = self._stage.alert(
            BREAKOUT,
            _CONTINUOUS,
            f"BUY {_LOT} NIFTY1! above the opening range",
            order_action="BUY",
            quantity=_LOT,
            price=float(self._market.last(self._future)),
        )
        self._stage.follow(order, Status.EXECUTED)

    def _leave_orders_at_the_broker(self) -> None:
        trigger = self._market.off(self._future, "-0.6")
        limit = self._market.off(self._future, "-0.8")
        self._stop = self._stage.alert(
            BREAKOUT,
            _CONTINUOUS,
            f"stop SELL {_LOT} NIFTY1! at {trigger}",
            side="EXIT_LONG",
            quantity=_LOT,
            order_type="SL",
            trigger_price=float(trigger),
            price=float(limit),
        )
        self._stage.follow(self._stop, *_SENT)
        self._stage.pause(3)
        price = self._market.off("NSE:SBIN", "-0.9")
        self._resting = self._stage.alert(
            PULLBACK,
            "NSE:SBIN",
            f"BUY 100 SBIN LIMIT {price}",
            order_action="BUY",
            quantity=100,
            order_type="LIMIT",
            price=float(price),
        )
        self._stage.follow(self._resting, *_SENT)
        self._stage.pause(3)
        price = self._market.off("NSE:ITC", "-1.5")
        self._trigger = self._stage.alert(
            PULLBACK,
            "NSE:ITC",
            f"BUY 200 ITC by GTT at {price}",
            order_action="BUY",
            quantity=200,
            order_type="LIMIT",
            price=float(price),
            ref_price=float(self._market.last("NSE:ITC")),
            gtt=True,
        )
        self._stage.follow(self._trigger, *_SENT)

    def _ask_a_person(self) -> None:
        price = self._market.off("NSE:TCS", "-0.2")
        self._stage.alert(
            SWING,
            "NSE:TCS",
            f"BUY 20 TCS LIMIT {price}",
            order_action="BUY",
            quantity=20,
            order_type="LIMIT",
            price=float(price),
        )
        self._stage.pause(2)
        self._stage.alert(
            SWING,
            "NSE:SUNPHARMA",
            "BUY SUNPHARMA without a quantity",
            order_action="BUY",
            price=float(self._market.last("NSE:SUNPHARMA")),
        )
        self._stage.pause(2)
        self._stage.alert(
            SWING,
            "NSE:WIPRO",
            "10 WIPRO, but which way was not filled in",
            order_action="{{strategy.order.action}}",
            quantity=10,
        )
        self._stage.note("          → TCS and SUNPHARMA wait for you in the queue")

    def _rally(self) -> None:
        self._stage.say("market INFY rises, SBIN slips")
        self._market.move("NSE:INFY", "1.6", 24)
        self._market.move("NSE:SBIN", "-1.2", 12)
        self._stage.follow(self._resting, Status.EXECUTED)
        self._stage.tell_profit(self._market)

    def _fill_in_parts(self) -> None:
        self._market.fill_only(40)
        price = self._market.off("NSE:HDFCBANK", "0.2")
        order = self._stage.alert(
            TREND,
            "NSE:HDFCBANK",
            f"BUY 100 HDFCBANK LIMIT {price}",
            order_action="BUY",
            quantity=100,
            order_type="LIMIT",
            price=float(price),
        )
        self._stage.follow(order, Status.PARTIALLY_EXECUTED, Status.EXECUTED, filled=40)
        self._stage.pause(12)
        self._market.move_to("NSE:HDFCBANK", price, 3)
        self._stage.follow(order, Status.EXECUTED)

    def _be_refused(self) -> None:
        order = self._market_order(TREND, "NSE:RELIANCE", "BUY", 50_000)
        self._stage.follow(order, Status.FAILED, Status.REJECTED)

    def _trade_in_the_app(self) -> None:
        order_id = self._market.place_in_app(
            {
                "exchange": "NSE",
                "tradingsymbol": "ICICIBANK",
                "transaction_type": "BUY",
                "quantity": "25",
                "product": "MIS",
                "order_type": "MARKET",
            }
        )
        self._stage.say(f"app    you buy 25 ICICIBANK in the broker's own app (order {order_id})")

    def _let_the_stop_trigger(self) -> None:
        self._stage.say("market NIFTY falls through the stop")
        self._market.move(self._future, "-0.7", 18)
        stop = self._stage.follow(self._stop, Status.EXECUTED)
        if stop is not None and not stop.ended:
            # By itself the price had risen too far for that fall.
            self._market.move(self._future, "-0.3", 5)
            self._stage.follow(self._stop, Status.EXECUTED)
        self._stage.tell_profit(self._market)

    def _let_the_trigger_fire(self) -> None:
        self._stage.say("market ITC dips to the trigger")
        self._market.move("NSE:ITC", "-1.8", 15)
        self._stage.follow(self._trigger, Status.EXECUTED)
        self._stage.pause(5)
        self._market.move("NSE:ITC", "0.9", 8)

    def _take_profit(self) -> None:
        order = self._stage.alert(
            TREND,
            "NSE:INFY",
            "EXIT_LONG 50 INFY",
            side="EXIT_LONG",
            quantity=50,
            price=float(self._market.last("NSE:INFY")),
        )
        self._stage.follow(order, Status.EXECUTED)
        self._market.move("NSE:INFY", "-0.4", 10)

    def _square_off(self) -> None:
        self._stage.say("broker closes all MIS positions, as it does before the market's end")
        self._market.square_off()
        self._stage.pause(4)
        self._stage.tell_profit(self._market)

    def _market_order(self, strategy: str, symbol: str, side: str, quantity: int) -> int | None:
        name = symbol.partition(":")[2]
        price: Decimal = self._market.last(symbol)
        return self._stage.alert(
            strategy,
            symbol,
            f"{side} {quantity} {name}",
            order_action=side,
            quantity=quantity,
            price=float(price),
        )
