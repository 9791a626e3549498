import json, itertools, random, pytest
from tests.webhook.conftest import *
from tests.webhook.test_examples import FOLDER
from tests.factories import StrategyFactory
pytestmark=[pytest.mark.django_db, pytest.mark.db_backends]
POOL=[None,True,False,0,-1,1,2**31,2**63,-2**63-1,10**40,1.5,1e308,"", " ","x","NaN","Infinity","1e5","-0","0.00001","9"*60,"१२","a\x00b","a\ud800","\u202e",[],[1],["x"],{}, {"a":1},"x"*5000,"2026-01-01", "9999-12-31T23:59:59-23:59","0001-01-01T00:00:00+23:00","NSE:INFY","'; DROP","BUY","EXIT_LONG","LIMIT","{{x}}","test-secret"]
def paths(d,p=()):
    for k,v in d.items():
        yield p+(k,)
        if isinstance(v,dict): yield from paths(v,p+(k,))
N=[0]
def test_fuzz(ready, post):
    StrategyFactory(name="AUTO-STRAT", execution_mode="AUTO")
    codes={}
    docs=[json.loads((FOLDER/n).read_text()) for n in ("13_auto_strategy.json","20_v6_entry_long.json","22_v6_entry_with_risk_hints.json","15_flat_fields.json","19_builder_v1.json")]
    for d in docs:
        d.update(alert_id="A1", order_id="x", timenow="2026-11-23T06:30:00Z", comment="c", bar_time="2026-11-23T06:30:00Z", gtt=False, validity="DAY", trigger_price=5, ticker="X", market_position="long", position_size=3, id="1", interval="5")
        for pth in list(paths(d)):
            for v in POOL:
                e=json.loads(json.dumps(d)); t=e
                N[0]+=1; e["alert_id"]=f"A{N[0]}"; e.pop("id",None)
                for k in pth[:-1]: t=t[k]
                t[pth[-1]]=v
                r=post(json.dumps(e).encode())
                codes[r.status_code]=codes.get(r.status_code,0)+1
                assert r.status_code<500,(pth,v,r.content)
                assert b"test-secret" not in r.content
    rng=random.Random(7)
    for i in range(1500):
        b=bytearray(json.dumps(rng.choice(docs)).encode())
        for _ in range(rng.randint(1,4)):
            j=rng.randrange(len(b)); op=rng.random()
            if op<.4: b[j]=rng.randrange(256)
            elif op<.7: del b[j:j+rng.randint(1,5)]
            else: b[j:j]=bytes(rng.randrange(256) for _ in range(3))
        r=post(bytes(b), "text/plain"); assert r.status_code<500,(bytes(b),r.content)
        codes[r.status_code]=codes.get(r.status_code,0)+1
    print(codes)
