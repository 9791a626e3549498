from tests.support.faulty import road

__all__ = ["road"]
