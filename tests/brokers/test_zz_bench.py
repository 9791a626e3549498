import time, pytest
from decimal import Decimal
from tests.brokers.conftest import *
from tests.brokers.conformance import request, limit
from trading.domain.values import Side
@pytest.mark.django_db(transaction=True)
def test_bench(venue, connection, clock):
    b=venue.broker
    for n in range(6):
        t=time.perf_counter()
        for i in range(250):
            b.place(request(Side.BUY)); b.place(request(Side.SELL))
        print((n+1)*500, "ms/order", (time.perf_counter()-t)*2)
    for _ in range(50): b.place(limit("1400"))
    t=time.perf_counter()
    for _ in range(200): b.advance(clock.now)
    print("idle advance with resting ms", (time.perf_counter()-t)*5)
    t=time.perf_counter()
    for i in range(100): venue.market.trade_at("1450")
    print("tick ms", (time.perf_counter()-t)*10)
